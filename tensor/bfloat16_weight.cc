#include "tensor/bfloat16_weight.h"

#include <algorithm>
#include <array>
#include <memory>

#include "core/check.h"
#include "tensor/bfloat16_kernels.h"
#include "tensor/dtype.h"
#include "tensor/onednn_product.h"

namespace vlm {
namespace {

constexpr std::size_t kTileRows = 256;
constexpr std::size_t kTileBytes = std::size_t{1} << 20U;  // of weights: stays in a core's cache
constexpr std::size_t kMaxTileBlocks = 8;

// Up to so many rows the loop, which is bound by reading weights and needs no preparation, is
// at least as fast.
constexpr std::size_t kLoopRows = 8;

// Columns that pack_block() moves at a time: 64 rows of them fit into the first-level cache.
constexpr std::size_t kPackedColumns = 128;

std::size_t ceiling(std::size_t value, std::size_t divisor) noexcept {
  return (value + divisor - 1) / divisor;
}

}  // namespace

Bfloat16Weight::Bfloat16Weight(std::size_t rows, std::size_t cols)
    : WeightMatrix(rows, cols),
      layout_{rows, cols},
      blocks_(layout_.num_blocks(), layout_.block_size()) {}

std::size_t Bfloat16Weight::fill_bytes() const noexcept {
  return rows() * cols() * sizeof(float);
}

void Bfloat16Weight::fill(const Reader& read) {
  const std::size_t count = rows() * cols();
  const auto buffer = std::make_unique_for_overwrite<float[]>(count);
  const std::span<float> values(buffer.get(), count);
  read(values);
  for (std::size_t block = 0; block < layout_.num_blocks(); ++block) pack_block(values, block);
}

void Bfloat16Weight::pack_block(std::span<const float> values, std::size_t block) noexcept {
  const std::span<std::uint16_t> packed = blocks_.row(block);
  const std::size_t first_row = block * PackedLayout::kBlockRows;
  const std::size_t count = std::min(PackedLayout::kBlockRows, rows() - first_row);
  std::array<std::uint16_t, kPackedColumns> rounded{};
  for (std::size_t first = 0; first < cols(); first += kPackedColumns) {
    const std::size_t width = std::min(kPackedColumns, cols() - first);
    for (std::size_t r = 0; r < count; ++r) {
      round_to_bfloat16(values.subspan((first_row + r) * cols() + first, width),
                        std::span(rounded).first(width));
      for (std::size_t c = 0; c < width; ++c) packed[layout_.index(r, first + c)] = rounded[c];
    }
  }
}

void Bfloat16Weight::read_row(std::size_t row, std::span<float> out) const noexcept {
  check(row < rows() && out.size() == cols(), "WeightMatrix::read_row: row < rows, out [cols]");
  const std::span<const std::uint16_t> packed = blocks_.row(row / PackedLayout::kBlockRows);
  for (std::size_t c = 0; c < out.size(); ++c) {
    out[c] = bf16_to_float(packed[layout_.index(row % PackedLayout::kBlockRows, c)]);
  }
}

std::size_t Bfloat16Weight::blocks_per_tile() const noexcept {
  const std::size_t block_bytes = layout_.block_size() * sizeof(std::uint16_t);
  return std::clamp(kTileBytes / block_bytes, std::size_t{1}, kMaxTileBlocks);
}

std::size_t Bfloat16Weight::num_tiles(std::size_t num_rows) const noexcept {
  return ceiling(num_rows, kTileRows) * ceiling(layout_.num_blocks(), blocks_per_tile());
}

Bfloat16Weight::Tile Bfloat16Weight::tile(std::size_t number, std::size_t num_rows) const noexcept {
  const std::size_t tiles_across = ceiling(layout_.num_blocks(), blocks_per_tile());
  Tile part;
  part.first_row = number / tiles_across * kTileRows;
  part.num_rows = std::min(kTileRows, num_rows - part.first_row);
  part.first_block = number % tiles_across * blocks_per_tile();
  part.num_blocks = std::min(blocks_per_tile(), layout_.num_blocks() - part.first_block);
  return part;
}

void Bfloat16Weight::multiply_by_loop(MatrixView<const float> x, MatrixView<float> out,
                                      const Tile& part) const {
  for (std::size_t b = part.first_block; b < part.first_block + part.num_blocks; ++b) {
    const std::size_t column = b * PackedLayout::kBlockRows;
    const std::size_t width = std::min(PackedLayout::kBlockRows, rows() - column);
    multiply_packed_block(x.rows(part.first_row, part.num_rows), blocks_.row(b),
                          out.rows(part.first_row, part.num_rows).columns(column, width));
  }
}

void Bfloat16Weight::multiply_by_onednn(MatrixView<const std::uint16_t> x, MatrixView<float> out,
                                        const Tile& part) const {
  const std::size_t column = part.first_block * PackedLayout::kBlockRows;
  const std::size_t width = std::min(part.num_blocks * PackedLayout::kBlockRows, rows() - column);
  const auto buffer = std::make_unique_for_overwrite<float[]>(part.num_rows * width);
  const MatrixView<float> result(buffer.get(), part.num_rows, width, width);
  multiply_bfloat16(x.rows(part.first_row, part.num_rows),
                    blocks_.values().subspan(part.first_block * layout_.block_size(),
                                             part.num_blocks * layout_.block_size()),
                    result);
  const MatrixView<float> target = out.rows(part.first_row, part.num_rows).columns(column, width);
  for (std::size_t r = 0; r < part.num_rows; ++r) {
    std::ranges::copy(result.row(r), target.row(r).begin());
  }
}

void Bfloat16Weight::multiply(MatrixView<const float> x, MatrixView<float> out,
                              ThreadPool& pool) const {
  check(x.cols() == cols() && out.cols() == rows() && x.rows() == out.rows(),
        "WeightMatrix::multiply: x [m, cols], out [m, rows]");
  const std::size_t count = num_tiles(x.rows());
  if (x.rows() <= kLoopRows || !has_bfloat16_products()) {
    pool.parallel_for(count, [&](std::size_t i) { multiply_by_loop(x, out, tile(i, x.rows())); });
    return;
  }
  const auto buffer = std::make_unique_for_overwrite<std::uint16_t[]>(x.rows() * cols());
  const MatrixView<std::uint16_t> rounded(buffer.get(), x.rows(), cols(), cols());
  pool.parallel_for(x.rows(),
                    [&](std::size_t row) { round_to_bfloat16(x.row(row), rounded.row(row)); });
  pool.parallel_for(count,
                    [&](std::size_t i) { multiply_by_onednn(rounded, out, tile(i, x.rows())); });
}

}  // namespace vlm
