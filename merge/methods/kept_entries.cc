#include "merge/methods/kept_entries.h"

#include <algorithm>

#include "core/divide_up.h"
#include "merge/kernels/marks.h"

namespace vlm {
namespace {

struct Rows {
  std::size_t count;
  std::size_t size;   // entries of one
  std::size_t words;  // of one
};

// Units of 1 make one long row: its parts begin at multiples of a word.
Rows rows_of(std::size_t elements, std::size_t unit) {
  const std::size_t size = std::max<std::size_t>(unit == 1 ? elements : unit, 1);
  return {divide_up(elements, size), size, words_of_marks(size)};
}

}  // namespace

KeptEntries::KeptEntries(std::size_t elements, std::size_t unit) {
  const Rows rows = rows_of(elements, unit);
  row_size_ = rows.size;
  row_words_ = rows.words;
  words_.resize(rows.count * rows.words);
}

std::size_t KeptEntries::size_bytes(std::size_t elements, std::size_t unit) {
  const Rows rows = rows_of(elements, unit);
  return rows.count * rows.words * sizeof(std::uint32_t);
}

EntryMarks KeptEntries::marks(std::size_t first) {
  const std::size_t row = first / row_size_;
  const std::size_t column = first % row_size_;
  const std::span<std::uint32_t> words = std::span(words_).subspan(row * row_words_, row_words_);
  return {words.subspan(column / kMarksOfWord), column % kMarksOfWord};
}

void KeptEntries::mark_non_zero(std::size_t first, std::span<const float> block) {
  for (std::size_t done = 0; done < block.size();) {
    const std::size_t place = first + done;
    const std::size_t count = std::min(row_end(place) - place, block.size() - done);
    const EntryMarks of_row = marks(place);
    vlm::mark_non_zero(block.subspan(done, count), of_row.first, of_row.words);
    done += count;
  }
}

}  // namespace vlm
