#include "tensor/bfloat16_packing.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "core/check.h"
#include "tensor/bfloat16_values.h"
#include "tensor/packed_layout.h"

namespace vlm {
namespace {

// Columns that are moved at a time: 64 rows of them fit into the first-level cache.
constexpr std::size_t kPackedColumns = 128;

void pack_block(MatrixView<const float> rows, std::span<std::uint16_t> block) noexcept {
  std::array<std::uint16_t, kPackedColumns> rounded{};
  for (std::size_t first = 0; first < rows.cols(); first += kPackedColumns) {
    const std::size_t width = std::min(kPackedColumns, rows.cols() - first);
    for (std::size_t r = 0; r < rows.rows(); ++r) {
      store_bfloat16(rows.row(r).subspan(first, width),
                     std::as_writable_bytes(std::span(rounded).first(width)));
      for (std::size_t c = 0; c < width; ++c) block[PackedLayout::index(r, first + c)] = rounded[c];
    }
  }
}

}  // namespace

void pack_bfloat16(MatrixView<const float> weight, std::span<std::uint16_t> blocks) noexcept {
  const PackedLayout layout{weight.rows(), weight.cols()};
  const std::size_t block_size = layout.block_size();
  check(blocks.size() == layout.num_blocks() * block_size,
        "pack_bfloat16: weight [n, k], blocks of its layout");
  for (std::size_t block = 0; block < layout.num_blocks(); ++block) {
    const std::size_t first = block * PackedLayout::kBlockRows;
    const std::size_t count = std::min(PackedLayout::kBlockRows, weight.rows() - first);
    pack_block(weight.rows(first, count), blocks.subspan(block * block_size, block_size));
  }
}

}  // namespace vlm
