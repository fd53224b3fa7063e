#pragma once

// Which entries of a delta a filter has kept, one bit each, for methods that look at a delta twice
// and would otherwise draw or rank its entries twice.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace vlm {

class KeptEntries {
 public:
  // Of `elements` entries in blocks that begin at multiples of `unit` (BlockMerge::unit).
  KeptEntries(std::size_t elements, std::size_t unit);

  // Marks the entries of a filtered block that are not 0. Several threads may mark different
  // blocks at once. REQUIRES: a block of Parts with that unit.
  void mark(std::size_t first, std::span<const float> block);
  // Sets the others to 0. REQUIRES: the block begins and ends as blocks do (BlockMerge::unit).
  void keep(std::size_t first, std::span<float> block) const;

  static std::size_t size_bytes(std::size_t elements, std::size_t unit);

 private:
  std::size_t row_size_;              // of entries that have words of their own
  std::size_t row_words_;             // of a row
  std::vector<std::uint32_t> words_;  // [rows, row_words_], the lowest bit first
};

}  // namespace vlm
