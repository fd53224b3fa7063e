#include "tensor/bfloat16_weight.h"

#include <algorithm>
#include <memory>

#include "core/check.h"
#include "tensor/bfloat16_packing.h"
#include "tensor/block_tiling.h"
#include "tensor/dtype.h"
#include "tensor/large_pages.h"
#include "tensor/packed_product.h"

namespace vlm {

std::size_t Bfloat16Weight::value_bytes() const noexcept {
  return layout_.num_blocks() * layout_.block_size() * sizeof(std::uint16_t);
}

std::size_t Bfloat16Weight::fill_bytes() const noexcept {
  return rows() * cols() * sizeof(float);
}

void Bfloat16Weight::fill(const Reader& read) {
  if (blocks_.empty()) {
    blocks_ = Matrix<std::uint16_t>::for_overwrite(layout_.num_blocks(), layout_.block_size());
    prefer_large_pages(std::as_writable_bytes(blocks_.values()));
    std::ranges::fill(blocks_.values(), std::uint16_t{0});  // padding stays so
  }
  const std::size_t count = rows() * cols();
  const auto buffer = std::make_unique_for_overwrite<float[]>(count);
  const std::span<float> values(buffer.get(), count);
  read(values);
  pack_bfloat16({values, rows(), cols()}, blocks_.values());
}

void Bfloat16Weight::read_row(std::size_t row, std::span<float> out) const noexcept {
  check(!blocks_.empty(), "WeightMatrix::read_row: fill() first");
  check(row < rows() && out.size() == cols(), "WeightMatrix::read_row: row < rows, out [cols]");
  const std::span<const std::uint16_t> packed = blocks_.row(row / PackedLayout::kBlockRows);
  for (std::size_t c = 0; c < out.size(); ++c) {
    out[c] = bf16_to_float(packed[layout_.index(row % PackedLayout::kBlockRows, c)]);
  }
}

void Bfloat16Weight::multiply(MatrixView<const float> x, MatrixView<float> out,
                              ThreadPool& pool) const {
  check(!blocks_.empty(), "WeightMatrix::multiply: fill() first");
  check(x.cols() == cols() && out.cols() == rows() && x.rows() == out.rows(),
        "WeightMatrix::multiply: x [m, cols], out [m, rows]");
  const BlockTiling tiling(x.rows(), layout_);
  const PackedProduct product(x, tiling, pool);
  pool.parallel_for(tiling.count(), [&](std::size_t i) {
    const BlockTile tile = tiling.tile(i);
    product.multiply(tile,
                     blocks_.values().subspan(tile.first_block * layout_.block_size(),
                                              tile.num_blocks * layout_.block_size()),
                     tile.part_of(out));
  });
}

}  // namespace vlm
