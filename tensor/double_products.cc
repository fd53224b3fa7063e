#include "tensor/double_products.h"

#include <cblas.h>

#include "core/check.h"
#include "tensor/blas_setup.h"

namespace vlm {
namespace {

using View = MatrixView<const double>;

// A matrix as it enters a product.
struct Operand {
  View matrix;
  CBLAS_TRANSPOSE form = CblasNoTrans;

  [[nodiscard]] std::size_t rows() const {
    return form == CblasNoTrans ? matrix.rows() : matrix.cols();
  }
  [[nodiscard]] std::size_t cols() const {
    return form == CblasNoTrans ? matrix.cols() : matrix.rows();
  }
};

Operand as_it_is(View matrix) {
  return {matrix, CblasNoTrans};
}
Operand transposed(View matrix) {
  return {matrix, CblasTrans};
}

// out = keep * out + factor * x y
void gemm(double factor, const Operand& x, const Operand& y, double keep, MatrixView<double> out) {
  check(x.rows() == out.rows() && y.cols() == out.cols() && y.rows() == x.cols(),
        "double products: shapes that fit");
  if (out.rows() == 0 || out.cols() == 0) return;
  prepare_blas();
  cblas_dgemm(CblasRowMajor, x.form, y.form, blas_int(out.rows()), blas_int(out.cols()),
              blas_int(x.cols()), factor, x.matrix.data(), blas_int(x.matrix.stride()),
              y.matrix.data(), blas_int(y.matrix.stride()), keep, out.data(),
              blas_int(out.stride()));
}

}  // namespace

void multiply(View x, View y, MatrixView<double> out) {
  gemm(1, as_it_is(x), as_it_is(y), 0, out);
}

void multiply_transposed(View x, View y, MatrixView<double> out) {
  gemm(1, as_it_is(x), transposed(y), 0, out);
}

void add_product(View x, View y, MatrixView<double> out) {
  gemm(1, as_it_is(x), as_it_is(y), 1, out);
}

void add_transposed_product(View x, View y, MatrixView<double> out) {
  gemm(1, transposed(x), as_it_is(y), 1, out);
}

void subtract_product(View x, View y, MatrixView<double> out) {
  gemm(-1, as_it_is(x), as_it_is(y), 1, out);
}

void subtract_product_transposed(View x, View y, MatrixView<double> out) {
  gemm(-1, as_it_is(x), transposed(y), 1, out);
}

}  // namespace vlm
