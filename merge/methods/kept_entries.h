#pragma once

// Which entries of a delta a filter has kept, one bit each, for methods that look at a delta twice
// and would otherwise draw or rank its entries twice.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace vlm {

// Bits of neighbouring entries, from the lowest of the first word on.
struct EntryMarks {
  std::span<std::uint32_t> words;
  std::size_t first = 0;  // the bit of the first entry
};

class KeptEntries {
 public:
  // Of `elements` entries in blocks that begin at multiples of `unit` (BlockMerge::unit); none is
  // marked.
  KeptEntries(std::size_t elements, std::size_t unit);

  // The bits of entries from `first` on, to row_end(). Several threads may write those of different
  // blocks of Parts.
  EntryMarks marks(std::size_t first);
  // The end of the row of `unit` entries that `first` lies in; of all entries with a unit of 1.
  [[nodiscard]] std::size_t row_end(std::size_t first) const {
    return (first / row_size_ + 1) * row_size_;
  }

  // Marks those of a block that are not 0, also if they are -0. Several threads may mark different
  // blocks of Parts.
  void mark_non_zero(std::size_t first, std::span<const float> block);

  static std::size_t size_bytes(std::size_t elements, std::size_t unit);

 private:
  std::size_t row_size_;              // of entries that have words of their own
  std::size_t row_words_;             // of a row
  std::vector<std::uint32_t> words_;  // [rows, row_words_], the lowest bit first
};

}  // namespace vlm
