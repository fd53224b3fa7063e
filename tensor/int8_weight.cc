#include "tensor/int8_weight.h"

#include <algorithm>
#include <array>
#include <memory>

#include "core/check.h"
#include "tensor/int8_layout.h"
#include "tensor/int8_product.h"
#include "tensor/large_pages.h"
#include "tensor/weight_rounding.h"

namespace vlm {
namespace {

constexpr std::size_t kBlockRows = PackedLayout::kBlockRows;
constexpr int kMaxStep = 127;

// Up to so many rows multiplying whole numbers is at least as fast as widening the weights.
constexpr std::size_t kNarrowRows = kMostInt8ProductRows;

// Columns that fill_block() moves at a time: 64 rows of them fit into the first-level cache.
constexpr std::size_t kColumnsTogether = 256;

}  // namespace

std::size_t Int8Weight::value_bytes() const noexcept {
  return layout_.num_blocks() *
         (Int8Layout::block_size(cols()) * sizeof(std::uint8_t) + kBlockRows * sizeof(float));
}

std::size_t Int8Weight::fill_bytes() const noexcept {
  return rows() * cols() * sizeof(float);
}

void Int8Weight::fill(const Reader& read) {
  if (blocks_.empty()) {
    blocks_ =
        Matrix<std::uint8_t>::for_overwrite(layout_.num_blocks(), Int8Layout::block_size(cols()));
    prefer_large_pages(std::as_writable_bytes(blocks_.values()));
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
    scales[r] = step_size(values.subspan((first_row + r) * cols(), cols()), kMaxStep);
  }
  const std::span<std::uint8_t> steps = blocks_.row(block);
  if (count < kBlockRows || cols() % Int8Layout::kColumnsTogether != 0) {
    std::ranges::fill(steps, Int8Layout::kOffset);  // padding is a step of 0
  }
  std::array<std::int8_t, kColumnsTogether> rounded{};
  for (std::size_t first = 0; first < cols(); first += kColumnsTogether) {
    const std::size_t width = std::min(kColumnsTogether, cols() - first);
    for (std::size_t r = 0; r < count; ++r) {
      round_to_int8(values.subspan((first_row + r) * cols() + first, width), scales[r],
                    std::span(rounded).first(width));
      for (std::size_t c = 0; c < width; ++c) {
        steps[Int8Layout::index(r, first + c)] =
            static_cast<std::uint8_t>(rounded[c] + Int8Layout::kOffset);
      }
    }
  }
}

void Int8Weight::read_row(std::size_t row, std::span<float> out) const noexcept {
  check(!blocks_.empty(), "WeightMatrix::read_row: fill() first");
  check(row < rows() && out.size() == cols(), "WeightMatrix::read_row: row < rows, out [cols]");
  const std::span<const std::uint8_t> steps = blocks_.row(row / kBlockRows);
  const float scale = scales_.row(row / kBlockRows)[row % kBlockRows];
  for (std::size_t c = 0; c < out.size(); ++c) {
    const int step = steps[Int8Layout::index(row % kBlockRows, c)] - Int8Layout::kOffset;
    out[c] = scale * static_cast<float>(step);
  }
}

void Int8Weight::multiply_steps(const QuantizedRows& x, const BlockTile& tile,
                                MatrixView<float> out) const {
  for (std::size_t b = 0; b < tile.num_blocks; ++b) {
    const std::size_t column = b * kBlockRows;
    const std::size_t width = std::min(kBlockRows, out.cols() - column);
    multiply_int8_block(x, blocks_.row(tile.first_block + b), scales_.row(tile.first_block + b),
                        out.columns(column, width));
  }
}

void Int8Weight::multiply_widened(const PackedProduct& product, const BlockTile& tile,
                                  MatrixView<float> out) const {
  auto widened = Matrix<std::uint16_t>::for_overwrite(tile.num_blocks, layout_.block_size());
  for (std::size_t b = 0; b < tile.num_blocks; ++b) {
    widen_int8_block(blocks_.row(tile.first_block + b), widened.row(b));
  }
  product.multiply(tile, widened.values(), out);
  const auto scales = scales_.values().subspan(tile.first_block * kBlockRows, out.cols());
  for (std::size_t r = 0; r < out.rows(); ++r) {
    const std::span<float> row = out.row(r);
    for (std::size_t c = 0; c < row.size(); ++c) row[c] *= scales[c];
  }
}

void Int8Weight::multiply(MatrixView<const float> x, MatrixView<float> out,
                          ThreadPool& pool) const {
  check(!blocks_.empty(), "WeightMatrix::multiply: fill() first");
  check(x.cols() == cols() && out.cols() == rows() && x.rows() == out.rows(),
        "WeightMatrix::multiply: x [m, cols], out [m, rows]");
  const BlockTiling tiling(x.rows(), layout_);
  if (x.rows() <= kNarrowRows) {
    const QuantizedRows quantized(x, pool);
    pool.parallel_for(tiling.count(), [&](std::size_t i) {
      const BlockTile tile = tiling.tile(i);
      multiply_steps(quantized, tile, tile.part_of(out));
    });
    return;
  }
  const PackedProduct product(x, tiling, pool);
  pool.parallel_for(tiling.count(), [&](std::size_t i) {
    const BlockTile tile = tiling.tile(i);
    multiply_widened(product, tile, tile.part_of(out));
  });
}

}  // namespace vlm
