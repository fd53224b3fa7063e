#include "tensor/gemm.h"

#include <algorithm>

#include <cblas.h>

#include "core/check.h"
#include "tensor/blas_setup.h"

namespace vlm {
namespace {

// Tiles are what threads share. A wide tile packs x seldom; a layer should still give several
// threads something to do, and each of them more than it costs to hand a tile over.
constexpr std::size_t kMostTileRows = 256;
constexpr std::size_t kMostTileColumns = 512;
constexpr std::size_t kLeastTileColumns = 96;
constexpr std::size_t kTilesAcross = 8;
constexpr std::size_t kLeastTileProducts = 200'000;  // multiplications: some microseconds

blasint blas_int(std::size_t value) {
  return static_cast<blasint>(value);
}

// OpenBLAS multiplies without packing when a product is small enough (0.3.21, x86: m * n <= 1200
// and m * n * k <= 10^6 for x * weight^T); with few rows, packing the weights would cost as much as
// multiplying by them. Half the limit is fastest with weights that are not in the cache.
constexpr std::size_t kUnpackedOutputs = 600;
constexpr std::size_t kUnpackedProducts = 1'000'000;
constexpr std::size_t kUnpackedRows = 32;

struct Tiling {
  std::size_t rows = kMostTileRows;
  std::size_t columns = kMostTileColumns;
  std::size_t columns_per_call = kMostTileColumns;  // of OpenBLAS
};

// How x [rows, k] * weight [columns, k]^T is cut: a function of the shapes alone.
Tiling tiling_of(std::size_t rows, std::size_t k, std::size_t columns) {
  Tiling tiling;
  if (rows > kMostTileRows) return tiling;
  tiling.columns = std::clamp(std::max(columns / kTilesAcross, kLeastTileProducts / (rows * k)),
                              kLeastTileColumns, kMostTileColumns);
  tiling.columns_per_call = tiling.columns;
  if (rows == 1 || rows > kUnpackedRows) return tiling;
  constexpr std::size_t kVectorFloats = 16;
  const std::size_t unpacked = kUnpackedOutputs / rows / kVectorFloats * kVectorFloats;
  if (rows * unpacked * k > kUnpackedProducts) return tiling;
  tiling.columns_per_call = unpacked;
  tiling.columns = (tiling.columns + unpacked - 1) / unpacked * unpacked;
  return tiling;
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
  if (x.rows() == 0) return;
  const Tiling tiling = tiling_of(x.rows(), x.cols(), weight.rows());
  const std::size_t tiles_across = (weight.rows() + tiling.columns - 1) / tiling.columns;
  const std::size_t tiles_down = (x.rows() + tiling.rows - 1) / tiling.rows;
  pool.parallel_for(tiles_across * tiles_down, [&](std::size_t tile) {
    const std::size_t row = tile / tiles_across * tiling.rows;
    const std::size_t height = std::min(tiling.rows, x.rows() - row);
    const std::size_t first = tile % tiles_across * tiling.columns;
    const std::size_t end = std::min(first + tiling.columns, weight.rows());
    for (std::size_t column = first; column < end; column += tiling.columns_per_call) {
      const std::size_t width = std::min(tiling.columns_per_call, end - column);
      transposed_product(1.0F, x.rows(row, height), weight.rows(column, width),
                         out.rows(row, height).columns(column, width));
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
