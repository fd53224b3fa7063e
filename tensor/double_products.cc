#include "tensor/double_products.h"

#include <cblas.h>

#include "core/check.h"
#include "tensor/blas_setup.h"

namespace vlm {
namespace {

using View = MatrixView<const double>;

blasint blas_int(std::size_t value) {
  return static_cast<blasint>(value);
}

// out = keep * out + factor * op(x) op(y), where the sizes are those after op.
void gemm(double factor, View x, CBLAS_TRANSPOSE of_x, View y, CBLAS_TRANSPOSE of_y, double keep,
          MatrixView<double> out) {
  const std::size_t inner = of_x == CblasNoTrans ? x.cols() : x.rows();
  check((of_x == CblasNoTrans ? x.rows() : x.cols()) == out.rows() &&
            (of_y == CblasNoTrans ? y.cols() : y.rows()) == out.cols() &&
            (of_y == CblasNoTrans ? y.rows() : y.cols()) == inner,
        "double products: shapes that fit");
  if (out.rows() == 0 || out.cols() == 0) return;
  prepare_blas();
  cblas_dgemm(CblasRowMajor, of_x, of_y, blas_int(out.rows()), blas_int(out.cols()),
              blas_int(inner), factor, x.data(), blas_int(x.stride()), y.data(),
              blas_int(y.stride()), keep, out.data(), blas_int(out.stride()));
}

}  // namespace

void multiply(View x, View y, MatrixView<double> out) {
  gemm(1, x, CblasNoTrans, y, CblasNoTrans, 0, out);
}

void multiply_transposed(View x, View y, MatrixView<double> out) {
  gemm(1, x, CblasNoTrans, y, CblasTrans, 0, out);
}

void add_product(View x, View y, MatrixView<double> out) {
  gemm(1, x, CblasNoTrans, y, CblasNoTrans, 1, out);
}

void add_transposed_product(View x, View y, MatrixView<double> out) {
  gemm(1, x, CblasTrans, y, CblasNoTrans, 1, out);
}

void subtract_product(View x, View y, MatrixView<double> out) {
  gemm(-1, x, CblasNoTrans, y, CblasNoTrans, 1, out);
}

void subtract_product_transposed(View x, View y, MatrixView<double> out) {
  gemm(-1, x, CblasNoTrans, y, CblasTrans, 1, out);
}

}  // namespace vlm
