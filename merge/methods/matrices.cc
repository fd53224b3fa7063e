#include "merge/methods/matrices.h"

#include <algorithm>
#include <limits>

#include "merge/kernels/gram.h"

namespace vlm {
namespace {

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

Eigen::Map<const RowMajor> as_matrix(const TensorMerge& task, std::span<const float> values) {
  const auto rows = static_cast<Eigen::Index>(task.shape.front());
  return {values.data(), rows, static_cast<Eigen::Index>(values.size()) / rows};
}

}  // namespace

Eigen::MatrixXd delta_matrix(const TensorMerge& task, const ModelTensor& model) {
  return as_matrix(task, model.values.in_memory()).cast<double>() -
         as_matrix(task, task.base.in_memory()).cast<double>();
}

void add_mean_delta(const TensorMerge& task, std::span<float> out) {
  Vectors inputs;
  for (const ModelTensor& model : task.models) inputs.push_back(model.values.in_memory());
  const double factor = task.parameters.at("lambda") / static_cast<double>(inputs.size());
  combine(inputs, task.base.in_memory(), std::vector<double>(inputs.size(), factor), out);
}

void add_matrix(const TensorMerge& task, const Eigen::MatrixXd& delta, std::span<float> out) {
  Eigen::Map<RowMajor> merged(out.data(), delta.rows(), delta.cols());
  merged =
      (as_matrix(task, task.base.in_memory()).cast<double>() + task.parameters.at("lambda") * delta)
          .cast<float>();
}

SingularParts decompose(const Eigen::MatrixXd& matrix) {
  if (!matrix.allFinite()) {
    constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();
    const Eigen::Index count = std::min(matrix.rows(), matrix.cols());
    return {Eigen::MatrixXd::Constant(matrix.rows(), count, kNothing),
            Eigen::VectorXd::Constant(count, kNothing),
            Eigen::MatrixXd::Constant(matrix.cols(), count, kNothing)};
  }
  const Eigen::BDCSVD<Eigen::MatrixXd> svd(matrix, Eigen::ComputeThinU | Eigen::ComputeThinV);
  return {svd.matrixU(), svd.singularValues(), svd.matrixV()};
}

Eigen::MatrixXd orthonormal(const Eigen::MatrixXd& matrix) {
  const SingularParts parts = decompose(matrix);
  return parts.left * parts.right.transpose();
}

}  // namespace vlm
