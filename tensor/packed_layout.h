#pragma once

// Where the elements of a packed bfloat16 weight [rows, cols] lie: blocks of 64 rows, one after
// another; in a block, for each pair of neighbouring columns, that pair of every row. Processors
// multiply bfloat16 in such pairs. Rows are padded to 64 and columns to 32 with zeros, which makes
// it the layout oneDNN calls BA16a64b2a for the transposed matrix.

#include <cstddef>

#include "core/divide_up.h"

namespace vlm {

struct PackedLayout {
  static constexpr std::size_t kBlockRows = 64;
  static constexpr std::size_t kColumnStep = 32;

  std::size_t rows = 0;
  std::size_t cols = 0;

  [[nodiscard]] constexpr std::size_t num_blocks() const noexcept {
    return divide_up(rows, kBlockRows);
  }
  [[nodiscard]] constexpr std::size_t padded_cols() const noexcept {
    return divide_up(cols, kColumnStep) * kColumnStep;
  }
  // Elements of one block.
  [[nodiscard]] constexpr std::size_t block_size() const noexcept {
    return kBlockRows * padded_cols();
  }
  // Of an element in its block.
  [[nodiscard]] static constexpr std::size_t index(std::size_t row_in_block,
                                                   std::size_t col) noexcept {
    return (col / 2 * kBlockRows + row_in_block) * 2 + col % 2;
  }
};

}  // namespace vlm
