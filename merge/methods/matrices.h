#pragma once

// Task vectors as matrices, for methods that decompose them (in double).

#include <span>
#include <vector>

#include <Eigen/Dense>

#include "merge/method.h"

namespace vlm {

// x - base of a model as [rows, columns]. REQUIRES: a matrix.
Eigen::MatrixXd delta_matrix(const TensorMerge& task, const ModelTensor& model);

// What the methods of this family do with anything but a matrix: base + lambda mean_i d_i.
void add_mean_delta(const TensorMerge& task, std::span<float> out);

// out = base + lambda delta
void add_matrix(const TensorMerge& task, const Eigen::MatrixXd& delta, std::span<float> out);

struct SingularParts {
  Eigen::MatrixXd left;  // [rows, count], count = min(rows, columns)
  Eigen::VectorXd values;
  Eigen::MatrixXd right;  // [columns, count]
};

// matrix = left values right^T, largest value first; NaN if an element is not finite.
SingularParts decompose(const Eigen::MatrixXd& matrix);

// The nearest matrix with orthonormal columns (rows if there are more columns): U V^T.
Eigen::MatrixXd orthonormal(const Eigen::MatrixXd& matrix);

}  // namespace vlm
