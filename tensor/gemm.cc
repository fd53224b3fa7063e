#include "tensor/gemm.h"

#include <algorithm>
#include <memory>

#include <cblas.h>

#include "core/check.h"
#include "core/divide_up.h"
#include "tensor/blas_setup.h"
#include "tensor/float32_kernels.h"

namespace vlm {
namespace {

// Tiles are what threads share: a layer should give several threads something to do, and each of
// them more than it costs to hand a tile over.
constexpr std::size_t kTileRows = 16 * kPackedRows;
constexpr std::size_t kMostTileColumns = 512;
constexpr std::size_t kLeastTileColumns = 96;
constexpr std::size_t kTilesAcross = 8;
constexpr std::size_t kLeastTileProducts = 200'000;  // multiplications: some microseconds

// How wide the tiles of x [rows, k] * weight [columns, k]^T are: about equal.
std::size_t tile_columns(std::size_t rows, std::size_t k, std::size_t columns) {
  const std::size_t wanted =
      std::clamp(std::max(columns / kTilesAcross, kLeastTileProducts / (rows * k)),
                 kLeastTileColumns, kMostTileColumns);
  constexpr std::size_t kVectorFloats = 16;
  return divide_up(divide_up(columns, divide_up(columns, wanted)), kVectorFloats) * kVectorFloats;
}

// The rows of x, packed in groups of kPackedRows (the last may have fewer).
class PackedGroups {
 public:
  PackedGroups(MatrixView<const float> x, ThreadPool& pool)
      : rows_(x.rows()),
        cols_(x.cols()),
        group_size_(packed_rows_size(kPackedRows, x.cols())),
        floats_(std::make_unique_for_overwrite<float[]>(num_groups() * group_size_)) {
    pool.parallel_for(num_groups(), [&](std::size_t group) {
      pack_rows(x.rows(group * kPackedRows, rows_in(group)), floats_of(group));
    });
  }

  [[nodiscard]] std::size_t num_groups() const noexcept { return divide_up(rows_, kPackedRows); }
  [[nodiscard]] std::size_t rows_in(std::size_t group) const noexcept {
    return std::min(kPackedRows, rows_ - group * kPackedRows);
  }
  [[nodiscard]] std::span<float> floats_of(std::size_t group) const noexcept {
    return {floats_.get() + group * group_size_, packed_rows_size(rows_in(group), cols_)};
  }

 private:
  std::size_t rows_;
  std::size_t cols_;
  std::size_t group_size_;
  std::unique_ptr<float[]> floats_;
};

void check_transposed(MatrixView<const float> x, MatrixView<const float> weight,
                      MatrixView<float> out) {
  check(x.cols() == weight.cols() && x.rows() == out.rows() && weight.rows() == out.cols(),
        "multiply_transposed: x [m, k], weight [n, k], out [m, n]");
  check(x.cols() > 0, "multiply_transposed: k > 0");
}

}  // namespace

void multiply_transposed(MatrixView<const float> x, MatrixView<const float> weight,
                         MatrixView<float> out, ThreadPool& pool) {
  check_transposed(x, weight, out);
  if (out.rows() == 0 || out.cols() == 0) return;
  const PackedGroups packed(x, pool);
  const std::size_t columns = tile_columns(x.rows(), x.cols(), weight.rows());
  const std::size_t tiles_across = divide_up(weight.rows(), columns);
  constexpr std::size_t kTileGroups = kTileRows / kPackedRows;
  pool.parallel_for(tiles_across * divide_up(packed.num_groups(), kTileGroups),
                    [&](std::size_t tile) {
                      const std::size_t column = tile % tiles_across * columns;
                      const std::size_t width = std::min(columns, weight.rows() - column);
                      const std::size_t first = tile / tiles_across * kTileGroups;
                      const std::size_t end = std::min(first + kTileGroups, packed.num_groups());
                      for (std::size_t group = first; group < end; ++group) {
                        const auto part = out.rows(group * kPackedRows, packed.rows_in(group));
                        multiply_packed_rows(packed.floats_of(group), weight.rows(column, width),
                                             part.columns(column, width));
                      }
                    });
}

void multiply(MatrixView<const float> x, MatrixView<const float> y, MatrixView<float> out) {
  check(x.cols() == y.rows() && x.rows() == out.rows() && y.cols() == out.cols(),
        "multiply: x [m, k], y [k, n], out [m, n]");
  check(x.cols() > 0, "multiply: k > 0");
  if (out.rows() == 0 || out.cols() == 0) return;
  prepare_blas();
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, blas_int(x.rows()), blas_int(y.cols()),
              blas_int(x.cols()), 1.0F, x.data(), blas_int(x.stride()), y.data(),
              blas_int(y.stride()), 0.0F, out.data(), blas_int(out.stride()));
}

void multiply_transposed_scaled(float scale, MatrixView<const float> x, MatrixView<const float> y,
                                MatrixView<float> out) {
  check_transposed(x, y, out);
  if (out.rows() == 0 || out.cols() == 0) return;
  prepare_blas();
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, blas_int(x.rows()), blas_int(y.rows()),
              blas_int(x.cols()), scale, x.data(), blas_int(x.stride()), y.data(),
              blas_int(y.stride()), 0.0F, out.data(), blas_int(out.stride()));
}

void add_bias(MatrixView<float> x, std::span<const float> bias) noexcept {
  check(x.cols() == bias.size(), "add_bias: one bias for each column");
  for (std::size_t r = 0; r < x.rows(); ++r) {
    const std::span<float> row = x.row(r);
    for (std::size_t c = 0; c < row.size(); ++c) row[c] += bias[c];
  }
}

}  // namespace vlm
