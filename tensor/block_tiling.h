#pragma once

// How a product with a weight in blocks of 64 rows (tensor/packed_layout.h) is cut into parts for
// threads: by the shapes alone, so that threads change no bit.

#include <cstddef>

#include "tensor/matrix_view.h"
#include "tensor/packed_layout.h"

namespace vlm {

// Rows [first_row, + num_rows) of x times blocks [first_block, + num_blocks) of the weight.
struct BlockTile {
  std::size_t first_row = 0;
  std::size_t num_rows = 0;
  std::size_t first_block = 0;
  std::size_t num_blocks = 0;

  // Rows of the weight in its blocks, of a weight with so many.
  [[nodiscard]] std::size_t width(std::size_t weight_rows) const noexcept;
  // Its part of the product out [rows of x, rows of the weight].
  [[nodiscard]] MatrixView<float> part_of(MatrixView<float> out) const noexcept;
};

class BlockTiling {
 public:
  // Of a product x [num_rows, layout.cols] * weight^T.
  BlockTiling(std::size_t num_rows, const PackedLayout& layout) noexcept;

  [[nodiscard]] const PackedLayout& layout() const noexcept { return layout_; }
  [[nodiscard]] std::size_t count() const noexcept;
  // REQUIRES: number < count().
  [[nodiscard]] BlockTile tile(std::size_t number) const noexcept;

 private:
  std::size_t num_rows_;
  PackedLayout layout_;
  std::size_t blocks_per_tile_;
  std::size_t tiles_across_;
};

}  // namespace vlm
