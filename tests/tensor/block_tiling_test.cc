#include "tensor/block_tiling.h"

#include <cstddef>
#include <vector>

#include <gtest/gtest.h>

namespace vlm {
namespace {

TEST(BlockTiling, TilesCoverEveryRowAndBlockOnce) {
  for (const std::size_t num_rows : {1U, 256U, 257U, 600U}) {
    for (const PackedLayout layout : {PackedLayout{1, 1}, PackedLayout{1000, 96},
                                      PackedLayout{700, 4096}, PackedLayout{65, 40000}}) {
      const BlockTiling tiling(num_rows, layout);
      std::vector<int> covered(num_rows * layout.num_blocks());
      for (std::size_t i = 0; i < tiling.count(); ++i) {
        const BlockTile tile = tiling.tile(i);
        for (std::size_t r = tile.first_row; r < tile.first_row + tile.num_rows; ++r) {
          for (std::size_t b = tile.first_block; b < tile.first_block + tile.num_blocks; ++b) {
            ++covered.at(r * layout.num_blocks() + b);
          }
        }
      }
      EXPECT_EQ(covered, std::vector<int>(covered.size(), 1)) << num_rows << ' ' << layout.rows;
    }
  }
}

TEST(BlockTiling, NoRowsMakeNoTiles) {
  EXPECT_EQ(BlockTiling(0, PackedLayout{64, 64}).count(), 0U);
}

}  // namespace
}  // namespace vlm
