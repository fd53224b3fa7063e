#include "merge/methods/kept_entries.h"

#include <algorithm>

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
  return {(elements + size - 1) / size, size, (size + kMarksOfWord - 1) / kMarksOfWord};
}

// Calls use(row, column, piece) for the pieces of a block that lie in one row each.
template <typename Value, typename Use>
void for_each_row(std::size_t first, std::span<Value> block, std::size_t row_size, const Use& use) {
  for (std::size_t done = 0; done < block.size();) {
    const std::size_t column = (first + done) % row_size;
    const std::size_t count = std::min(row_size - column, block.size() - done);
    use((first + done) / row_size, column, block.subspan(done, count));
    done += count;
  }
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

void KeptEntries::mark(std::size_t first, std::span<const float> block) {
  for_each_row(first, block, row_size_,
               [&](std::size_t row, std::size_t column, std::span<const float> piece) {
                 mark_non_zero(piece, column,
                               std::span(words_).subspan(row * row_words_, row_words_));
               });
}

void KeptEntries::keep(std::size_t first, std::span<float> block) const {
  for_each_row(
      first, block, row_size_, [&](std::size_t row, std::size_t column, std::span<float> piece) {
        zero_unmarked(piece, column, std::span(words_).subspan(row * row_words_, row_words_));
      });
}

}  // namespace vlm
