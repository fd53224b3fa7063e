#pragma once

// Where a step of -127 ... 127 lies in a block of 64 rows of an int8 weight: the row's steps of
// four neighbouring columns together, as steps + 128. Columns are padded to four.

#include <cstddef>
#include <cstdint>

#include "core/divide_up.h"
#include "tensor/packed_layout.h"

namespace vlm {

struct Int8Layout {
  static constexpr std::size_t kColumnsTogether = 4;
  static constexpr std::uint8_t kOffset = 128;

  // Elements of a block of so many columns.
  [[nodiscard]] static constexpr std::size_t block_size(std::size_t cols) noexcept {
    return divide_up(cols, kColumnsTogether) * kColumnsTogether * PackedLayout::kBlockRows;
  }
  [[nodiscard]] static constexpr std::size_t index(std::size_t row_in_block,
                                                   std::size_t col) noexcept {
    return (col / kColumnsTogether * PackedLayout::kBlockRows + row_in_block) * kColumnsTogether +
           col % kColumnsTogether;
  }
};

}  // namespace vlm
