#include "tensor/int8_weight.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <memory>

#include "core/check.h"
#include "tensor/block_product.h"
#include "tensor/onednn_product.h"
#include "tensor/weight_rounding.h"

namespace vlm {
namespace {

constexpr std::size_t kBlockRows = PackedLayout::kBlockRows;
constexpr float kMaxStep = 127.0F;

// Up to so many rows the loop, which widens no weights in memory, is at least as fast.
constexpr std::size_t kLoopRows = 8;

// Columns that fill_block() moves at a time: 64 rows of them fit into the first-level cache.
constexpr std::size_t kColumnsTogether = 256;

float scale_of(std::span<const float> row) noexcept {
  const float largest = largest_magnitude(row);
  if (!std::isfinite(largest)) return std::numeric_limits<float>::quiet_NaN();
  const float scale = largest / kMaxStep;
  return scale < std::numeric_limits<float>::min() ? 0.0F : scale;
}

}  // namespace

std::size_t Int8Weight::fill_bytes() const noexcept {
  return rows() * cols() * sizeof(float);
}

void Int8Weight::fill(const Reader& read) {
  if (blocks_.empty()) {
    blocks_ = Matrix<std::int8_t>(layout_.num_blocks(), cols() * kBlockRows);
    scales_ = Matrix<float>(layout_.num_blocks(), kBlockRows);
  }
  const std::size_t count = rows() * cols();
  const auto buffer = std::make_unique_for_overwrite<float[]>(count);
  const std::span<float> values(buffer.get(), count);
  read(values);
  for (std::size_t block = 0; block < layout_.num_blocks(); ++block) fill_block(values, block);
}

void Int8Weight::fill_block(std::span<const float> values, std::size_t block) noexcept {
  const std::size_t first_row = block * kBlockRows;
  const std::size_t count = std::min(kBlockRows, rows() - first_row);
  const std::span<float> scales = scales_.row(block);
  for (std::size_t r = 0; r < count; ++r) {
    scales[r] = scale_of(values.subspan((first_row + r) * cols(), cols()));
  }
  const std::span<std::int8_t> steps = blocks_.row(block);
  std::array<std::int8_t, kColumnsTogether> rounded{};
  for (std::size_t first = 0; first < cols(); first += kColumnsTogether) {
    const std::size_t width = std::min(kColumnsTogether, cols() - first);
    for (std::size_t r = 0; r < count; ++r) {
      round_to_int8(values.subspan((first_row + r) * cols() + first, width), scales[r],
                    std::span(rounded).first(width));
      for (std::size_t c = 0; c < width; ++c) steps[(first + c) * kBlockRows + r] = rounded[c];
    }
  }
}

void Int8Weight::read_row(std::size_t row, std::span<float> out) const noexcept {
  check(!blocks_.empty(), "WeightMatrix::read_row: fill() first");
  check(row < rows() && out.size() == cols(), "WeightMatrix::read_row: row < rows, out [cols]");
  const std::span<const std::int8_t> steps = blocks_.row(row / kBlockRows);
  const float scale = scales_.row(row / kBlockRows)[row % kBlockRows];
  for (std::size_t c = 0; c < out.size(); ++c) {
    out[c] = scale * static_cast<float>(steps[c * kBlockRows + row % kBlockRows]);
  }
}

void Int8Weight::multiply_by_loop(MatrixView<const float> x, MatrixView<float> out,
                                  const BlockTile& tile) const {
  for (std::size_t b = tile.first_block; b < tile.first_block + tile.num_blocks; ++b) {
    const std::size_t column = b * kBlockRows;
    const std::size_t width = std::min(kBlockRows, rows() - column);
    multiply_int8_block(x.rows(tile.first_row, tile.num_rows), blocks_.row(b), scales_.row(b),
                        out.rows(tile.first_row, tile.num_rows).columns(column, width));
  }
}

void Int8Weight::multiply_by_onednn(MatrixView<const std::uint16_t> x, MatrixView<float> out,
                                    const BlockTile& tile) const {
  auto widened = Matrix<std::uint16_t>::for_overwrite(tile.num_blocks, layout_.block_size());
  for (std::size_t b = 0; b < tile.num_blocks; ++b) {
    widen_int8_block(blocks_.row(tile.first_block + b), widened.row(b));
  }
  const std::size_t column = tile.first_block * kBlockRows;
  const std::size_t width = std::min(tile.num_blocks * kBlockRows, rows() - column);
  const MatrixView<float> target = out.rows(tile.first_row, tile.num_rows).columns(column, width);
  multiply_bfloat16(x.rows(tile.first_row, tile.num_rows), widened.values(), target);
  const std::span<const float> scales = scales_.values().subspan(column, width);
  for (std::size_t r = 0; r < target.rows(); ++r) {
    const std::span<float> row = target.row(r);
    for (std::size_t c = 0; c < width; ++c) row[c] *= scales[c];
  }
}

void Int8Weight::multiply(MatrixView<const float> x, MatrixView<float> out,
                          ThreadPool& pool) const {
  check(!blocks_.empty(), "WeightMatrix::multiply: fill() first");
  check(x.cols() == cols() && out.cols() == rows() && x.rows() == out.rows(),
        "WeightMatrix::multiply: x [m, cols], out [m, rows]");
  const BlockTiling tiling(x.rows(), layout_);
  if (x.rows() <= kLoopRows || !has_bfloat16_products()) {
    pool.parallel_for(tiling.count(),
                      [&](std::size_t i) { multiply_by_loop(x, out, tiling.tile(i)); });
    return;
  }
  const Matrix<std::uint16_t> rounded = bfloat16_rows(x, pool);
  pool.parallel_for(tiling.count(), [&](std::size_t i) {
    multiply_by_onednn(rounded.view(), out, tiling.tile(i));
  });
}

}  // namespace vlm
