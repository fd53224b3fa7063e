#pragma once

// Products and singular values as BLAS and LAPACK find them, for comparison.

#include <algorithm>
#include <cstddef>
#include <vector>

#include <Eigen/Core>
#include <cblas.h>

#include "core/check.h"

// NOLINTBEGIN(readability-identifier-naming)
extern "C" void dgesdd_(const char* job, const blasint* rows, const blasint* columns,
                        double* matrix, const blasint* stride, double* values, double* left,
                        const blasint* left_stride, double* right, const blasint* right_stride,
                        double* work, const blasint* work_size, blasint* integer_work,
                        blasint* info, std::size_t job_length);
// NOLINTEND(readability-identifier-naming)

namespace vlm {

inline Eigen::MatrixXd product(const Eigen::MatrixXd& a, const Eigen::MatrixXd& b) {
  Eigen::MatrixXd made(a.rows(), b.cols());
  const auto rows = static_cast<blasint>(a.rows());
  const auto inner = static_cast<blasint>(a.cols());
  cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, rows, static_cast<blasint>(b.cols()),
              inner, 1, a.data(), rows, b.data(), inner, 0, made.data(), rows);
  return made;
}

// matrix = left * values * right^T, values from the largest on.
struct SingularValues {
  Eigen::MatrixXd left;
  Eigen::VectorXd values;
  Eigen::MatrixXd right;
};

inline SingularValues singular_values(Eigen::MatrixXd matrix) {
  const auto rows = static_cast<blasint>(matrix.rows());
  const auto columns = static_cast<blasint>(matrix.cols());
  const blasint count = std::min(rows, columns);
  Eigen::MatrixXd left(rows, count);
  Eigen::VectorXd values(count);
  Eigen::MatrixXd right_transposed(count, columns);
  const blasint work_size = 4 * count * count + 7 * count + std::max(rows, columns);
  std::vector<double> work(static_cast<std::size_t>(work_size));
  std::vector<blasint> integer_work(8 * static_cast<std::size_t>(count));
  blasint info = 0;
  dgesdd_("S", &rows, &columns, matrix.data(), &rows, values.data(), left.data(), &rows,
          right_transposed.data(), &count, work.data(), &work_size, integer_work.data(), &info, 1);
  check(info == 0, "dgesdd converges for finite values");
  return {left, values, right_transposed.transpose()};
}

}  // namespace vlm
