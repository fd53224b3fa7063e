#include "tensor/gemm.h"

#include <algorithm>

#include <cblas.h>

#include "core/check.h"
#include "tensor/blas_setup.h"

namespace vlm {
namespace {

// Weight rows (output columns) in one tile: large enough that packing x again for each tile costs
// little, small enough that a 4,096-wide layer feeds several threads.
constexpr std::size_t kTileColumns = 512;

blasint blas_int(std::size_t value) {
  return static_cast<blasint>(value);
}

// OpenBLAS multiplies without packing when a product is small enough (0.3.21, x86: m * n <= 1200
// and m * n * k <= 10^6 for x * weight^T); with few rows, packing the weights would cost as much as
// multiplying by them. Half the limit is fastest with weights that are not in the cache.
constexpr std::size_t kUnpackedOutputs = 600;
constexpr std::size_t kUnpackedProducts = 1'000'000;
constexpr std::size_t kUnpackedRows = 32;

// Weight rows to hand to OpenBLAS at a time, for x [rows, k].
std::size_t columns_per_call(std::size_t rows, std::size_t k) {
  if (rows == 1 || rows > kUnpackedRows) return kTileColumns;
  constexpr std::size_t kVectorFloats = 16;
  const std::size_t columns = kUnpackedOutputs / rows / kVectorFloats * kVectorFloats;
  return rows * columns * k <= kUnpackedProducts ? std::min(columns, kTileColumns) : kTileColumns;
}

void transposed_product(float scale, MatrixView<const float> x, MatrixView<const float> weight,
                        MatrixView<float> out) {
  if (out.rows() == 0 || out.cols() == 0) return;
  if (x.rows() == 1) {
    cblas_sgemv(CblasRowMajor, CblasNoTrans, blas_int(weight.rows()), blas_int(weight.cols()),
                scale, weight.data(), blas_int(weight.stride()), x.data(), 1, 0.0F, out.data(), 1);
    return;
  }
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, blas_int(x.rows()), blas_int(weight.rows()),
              blas_int(x.cols()), scale, x.data(), blas_int(x.stride()), weight.data(),
              blas_int(weight.stride()), 0.0F, out.data(), blas_int(out.stride()));
}

void check_transposed(MatrixView<const float> x, MatrixView<const float> weight,
                      MatrixView<float> out) {
  check(x.cols() == weight.cols() && x.rows() == out.rows() && weight.rows() == out.cols(),
        "multiply_transposed: x [m, k], weight [n, k], out [m, n]");
  check(x.cols() > 0, "multiply_transposed: k > 0");
}

// out = x * y + keep * out
void product(MatrixView<const float> x, MatrixView<const float> y, float keep,
             MatrixView<float> out) {
  check(x.cols() == y.rows() && x.rows() == out.rows() && y.cols() == out.cols(),
        "multiply: x [m, k], y [k, n], out [m, n]");
  check(x.cols() > 0, "multiply: k > 0");
  prepare_blas();
  if (out.rows() == 0 || out.cols() == 0) return;
  if (x.rows() == 1) {
    cblas_sgemv(CblasRowMajor, CblasTrans, blas_int(y.rows()), blas_int(y.cols()), 1.0F, y.data(),
                blas_int(y.stride()), x.data(), 1, keep, out.data(), 1);
    return;
  }
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, blas_int(x.rows()), blas_int(y.cols()),
              blas_int(x.cols()), 1.0F, x.data(), blas_int(x.stride()), y.data(),
              blas_int(y.stride()), keep, out.data(), blas_int(out.stride()));
}

}  // namespace

void multiply_transposed(MatrixView<const float> x, MatrixView<const float> weight,
                         MatrixView<float> out, ThreadPool& pool) {
  check_transposed(x, weight, out);
  prepare_blas();
  const std::size_t step = columns_per_call(x.rows(), x.cols());
  const std::size_t tiles = (weight.rows() + kTileColumns - 1) / kTileColumns;
  pool.parallel_for(tiles, [&](std::size_t tile) {
    const std::size_t first = tile * kTileColumns;
    const std::size_t count = std::min(kTileColumns, weight.rows() - first);
    for (std::size_t column = first; column < first + count; column += step) {
      const std::size_t width = std::min(step, first + count - column);
      transposed_product(1.0F, x, weight.rows(column, width), out.columns(column, width));
    }
  });
}

void multiply(MatrixView<const float> x, MatrixView<const float> y, MatrixView<float> out) {
  product(x, y, 0.0F, out);
}

void multiply_add(MatrixView<const float> x, MatrixView<const float> y, MatrixView<float> out) {
  product(x, y, 1.0F, out);
}

void multiply_transposed_scaled(float scale, MatrixView<const float> x, MatrixView<const float> y,
                                MatrixView<float> out) {
  check_transposed(x, y, out);
  prepare_blas();
  transposed_product(scale, x, y, out);
}

void add_bias(MatrixView<float> x, std::span<const float> bias) noexcept {
  check(x.cols() == bias.size(), "add_bias: one bias for each column");
  for (std::size_t r = 0; r < x.rows(); ++r) {
    const std::span<float> row = x.row(r);
    for (std::size_t c = 0; c < row.size(); ++c) row[c] += bias[c];
  }
}

}  // namespace vlm
