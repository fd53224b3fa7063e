#include "tensor/factorizations.h"

#include <cmath>

#include <cblas.h>

#include "core/check.h"
#include "tensor/blas_setup.h"

// LAPACK as Fortran has it: the last arguments are the lengths of the strings.
// NOLINTBEGIN(readability-identifier-naming)
extern "C" {
void dpotrf_(const char* triangle, const blasint* size, double* matrix, const blasint* stride,
             blasint* info, std::size_t triangle_length);
}
// NOLINTEND(readability-identifier-naming)

namespace vlm {
namespace {

void solve(MatrixView<const double> lower, CBLAS_TRANSPOSE of_lower, MatrixView<double> rows) {
  check(lower.rows() == lower.cols() && lower.rows() == rows.cols(), "triangle: shapes that fit");
  if (rows.rows() == 0 || rows.cols() == 0) return;
  prepare_blas();
  cblas_dtrsm(CblasRowMajor, CblasRight, CblasLower, of_lower, CblasNonUnit, blas_int(rows.rows()),
              blas_int(rows.cols()), 1, lower.data(), blas_int(lower.stride()), rows.data(),
              blas_int(rows.stride()));
}

}  // namespace

bool factorize_cholesky(MatrixView<double> matrix) {
  check(matrix.rows() == matrix.cols(), "factorize_cholesky: a square matrix");
  if (matrix.rows() == 0) return true;
  prepare_blas();
  const blasint size = blas_int(matrix.rows());
  const blasint stride = blas_int(matrix.stride());
  blasint info = 0;
  dpotrf_("U", &size, matrix.data(), &stride, &info, 1);  // our rows are Fortran's columns
  return info == 0 && std::isfinite(matrix.row(matrix.rows() - 1).back());
}

void divide_by_lower_transposed(MatrixView<const double> lower, MatrixView<double> rows) {
  solve(lower, CblasTrans, rows);
}

void divide_by_lower(MatrixView<const double> lower, MatrixView<double> rows) {
  solve(lower, CblasNoTrans, rows);
}

}  // namespace vlm
