#include "merge/methods/task_vector.h"

#include "merge/kernels/marks.h"

namespace vlm {
namespace {

// The rule of entries from `place` on, whose marks begin with bit `bit`: of those in its word, or
// of all before `end` if it is the first of a word.
KeptBlock::Part marked(std::span<const std::uint32_t> words, std::size_t bit, std::size_t place,
                       std::size_t end) {
  const std::size_t first_mark = bit % kMarksOfWord;
  KeptBlock::Part part{{{}, words.subspan(bit / kMarksOfWord), first_mark}, end};
  if (first_mark != 0) part.end = std::min(end, place + kMarksOfWord - first_mark);
  return part;
}

}  // namespace

KeptBlock::Part KeptBlock::at(std::size_t place) const {
  if (const auto* const by_magnitude = std::get_if<KeepByMagnitude>(&vector->filter)) {
    const auto [window, end] = by_magnitude->at(place);
    return {{window, {}, 0}, end};
  }
  if (!marks.empty()) return marked(marks, place - first, place, Part().end);
  if (vector->kept == nullptr) return {};
  const EntryMarks remembered = vector->kept->marks(place);
  return marked(remembered.words, remembered.first, place, vector->kept->row_end(place));
}

KeptBlock make_kept_block(const TaskVector& vector, std::size_t first, std::size_t size,
                          BlockMemory& memory) {
  KeptBlock block{&vector, first, {}};
  const auto* const by_mark = std::get_if<KeepByMark>(&vector.filter);
  if (by_mark == nullptr || vector.kept != nullptr) return block;
  const auto words = memory.make<std::uint32_t>(words_of_marks(size));
  by_mark->mark(first, size, {words, 0});
  block.marks = words;
  return block;
}

KeptBlock look_at_block(const TaskVector& vector, DeltaReader& reader, std::size_t first,
                        std::size_t size, BlockMemory& memory) {
  if (const auto* const by_mark = std::get_if<KeepByMark>(&vector.filter)) {
    if (vector.kept == nullptr) return make_kept_block(vector, first, size, memory);
    by_mark->mark(first, size, vector.kept->marks(first));
  }
  KeptBlock block{&vector, first, {}};
  if (const auto* const by_block = std::get_if<KeepByBlock>(&vector.filter)) {
    const std::span<float> delta = reader.subtract_base(first, size);
    by_block->filter(first, delta);
    if (vector.kept != nullptr) {
      vector.kept->mark_non_zero(first, delta);
    } else {
      const auto words = memory.make<std::uint32_t>(words_of_marks(size));
      mark_non_zero(delta, 0, words);
      block.marks = words;
    }
  }
  return block;
}

}  // namespace vlm
