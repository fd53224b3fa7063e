#include "tensor/block_tiling.h"

#include <algorithm>
#include <cstdint>

#include "core/divide_up.h"

namespace vlm {
namespace {

constexpr std::size_t kBlockTileRows = 256;
constexpr std::size_t kTileBytes = std::size_t{1} << 20U;  // in bfloat16: stays in a core's cache
constexpr std::size_t kMaxTileBlocks = 8;
constexpr std::size_t kWantedTiles = 8;  // for threads to share evenly

}  // namespace

std::size_t BlockTile::width(std::size_t weight_rows) const noexcept {
  return std::min(num_blocks * PackedLayout::kBlockRows,
                  weight_rows - first_block * PackedLayout::kBlockRows);
}

MatrixView<float> BlockTile::part_of(MatrixView<float> out) const noexcept {
  return out.rows(first_row, num_rows)
      .columns(first_block * PackedLayout::kBlockRows, width(out.cols()));
}

BlockTiling::BlockTiling(std::size_t num_rows, const PackedLayout& layout) noexcept
    : num_rows_(num_rows), layout_(layout) {
  const std::size_t in_cache = kTileBytes / (layout.block_size() * sizeof(std::uint16_t));
  const std::size_t shared =
      divide_up(layout.num_blocks() * divide_up(num_rows, kBlockTileRows), kWantedTiles);
  blocks_per_tile_ = std::clamp(std::min(in_cache, shared), std::size_t{1}, kMaxTileBlocks);
  tiles_across_ = divide_up(layout.num_blocks(), blocks_per_tile_);
}

std::size_t BlockTiling::count() const noexcept {
  return divide_up(num_rows_, kBlockTileRows) * tiles_across_;
}

BlockTile BlockTiling::tile(std::size_t number) const noexcept {
  BlockTile tile;
  tile.first_row = number / tiles_across_ * kBlockTileRows;
  tile.num_rows = std::min(kBlockTileRows, num_rows_ - tile.first_row);
  tile.first_block = number % tiles_across_ * blocks_per_tile_;
  tile.num_blocks = std::min(blocks_per_tile_, layout_.num_blocks() - tile.first_block);
  return tile;
}

}  // namespace vlm
