#include "tensor/packed_product.h"

#include <algorithm>

#include "core/check.h"
#include "tensor/block_product.h"
#include "tensor/onednn_product.h"
#include "tensor/packed_layout.h"

namespace vlm {
namespace {

constexpr std::size_t kLoopRows = 8;

}  // namespace

PackedProduct::PackedProduct(MatrixView<const float> x, ThreadPool& pool) : x_(x) {
  if (x.rows() > kLoopRows && has_bfloat16_products()) rounded_ = bfloat16_rows(x, pool);
}

void PackedProduct::multiply(const BlockTile& tile, std::span<const std::uint16_t> blocks,
                             MatrixView<float> out) const {
  if (rounded_) {
    multiply_bfloat16(rounded_->view().rows(tile.first_row, tile.num_rows), blocks, out);
    return;
  }
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
