#include "tensor/packed_product.h"

#include <algorithm>

#include "core/check.h"
#include "tensor/block_product.h"
#include "tensor/packed_layout.h"

namespace vlm {
namespace {

constexpr std::size_t kLoopRows = 8;

}  // namespace

PackedProduct::PackedProduct(MatrixView<const float> x, const BlockTiling& tiling, ThreadPool& pool)
    : x_(x) {
  if (x.rows() <= kLoopRows || !has_bfloat16_products()) return;
  rounded_ = bfloat16_rows(x, pool);
  for (std::size_t i = 0; i < tiling.count(); ++i) {
    const BlockTile tile = tiling.tile(i);
    const std::size_t width = tile.width(tiling.layout().rows);
    if (find(tile.num_rows, width) != nullptr) continue;
    products_.push_back({tile.num_rows, width, Bfloat16Product(tile.num_rows, x.cols(), width)});
  }
}

const PackedProduct::SizedProduct* PackedProduct::find(std::size_t rows,
                                                       std::size_t width) const noexcept {
  const auto place = std::ranges::find_if(products_, [&](const SizedProduct& sized) {
    return sized.rows == rows && sized.width == width;
  });
  return place == products_.end() ? nullptr : &*place;
}

void PackedProduct::multiply(const BlockTile& tile, std::span<const std::uint16_t> blocks,
                             MatrixView<float> out) const {
  if (!rounded_) return multiply_by_loop(tile, blocks, out);
  const SizedProduct* sized = find(tile.num_rows, out.cols());
  check(sized != nullptr, "PackedProduct: a tile of its tiling");
  sized->product.run(rounded_->view().rows(tile.first_row, tile.num_rows), blocks, out);
}

void PackedProduct::multiply_by_loop(const BlockTile& tile, std::span<const std::uint16_t> blocks,
                                     MatrixView<float> out) const {
  const std::size_t block_size = PackedLayout{out.cols(), x_.cols()}.block_size();
  check(blocks.size() == tile.num_blocks * block_size, "PackedProduct: the blocks of the tile");
  const MatrixView<const float> x = x_.rows(tile.first_row, tile.num_rows);
  for (std::size_t b = 0; b < tile.num_blocks; ++b) {
    const std::size_t column = b * PackedLayout::kBlockRows;
    const std::size_t width = std::min(PackedLayout::kBlockRows, out.cols() - column);
    multiply_bfloat16_block(x, blocks.subspan(b * block_size, block_size),
                            out.columns(column, width));
  }
}

}  // namespace vlm
