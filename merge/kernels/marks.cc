#include "merge/kernels/marks.h"

#include <algorithm>
#include <bit>

// Highway compiles what is between its two namespace macros once for each instruction set. The
// loops are plain ones, which the compiler makes vectors of.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "merge/kernels/marks.cc"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace vlm::HWY_NAMESPACE {

// Whole words of marks.
template <typename Value, typename IsMarked>
HWY_INLINE void mark_words(std::span<const Value> x, std::uint32_t* marks,
                           const IsMarked& is_marked) {
  for (std::size_t first = 0; first < x.size(); first += kMarksOfWord) {
    const Value* values = x.data() + first;
    std::uint32_t word = 0;
    for (std::uint32_t bit = 0; bit < kMarksOfWord; ++bit) {
      word |= (is_marked(values[bit]) ? 1U : 0U) << bit;
    }
    *marks++ |= word;
  }
}

void mark_words_non_zero(std::span<const float> x, std::uint32_t* marks) {
  mark_words(x, marks, [](float value) { return std::bit_cast<std::uint32_t>(value) != 0; });
}
void mark_words_below(std::span<const std::uint32_t> x, std::uint32_t limit, std::uint32_t* marks) {
  mark_words(x, marks, [limit](std::uint32_t word) { return word < limit; });
}

}  // namespace vlm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vlm {
namespace {

HWY_EXPORT(mark_words_non_zero);
HWY_EXPORT(mark_words_below);

// Calls mark_words(values, marks) for what fills whole words, and is_marked(value) for the others.
template <typename Value, typename IsMarked, typename MarkWords>
void mark(std::span<const Value> x, std::size_t first, std::span<std::uint32_t> marks,
          const IsMarked& is_marked, const MarkWords& mark_words) {
  const std::size_t before =
      std::min(x.size(), (kMarksOfWord - first % kMarksOfWord) % kMarksOfWord);
  const std::size_t whole = (x.size() - before) / kMarksOfWord * kMarksOfWord;
  const auto mark_one_by_one = [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const std::uint32_t bit = is_marked(x[i]) ? 1U : 0U;
      marks[(first + i) / kMarksOfWord] |= bit << ((first + i) % kMarksOfWord);
    }
  };
  mark_one_by_one(0, before);
  if (whole > 0) mark_words(x.subspan(before, whole), &marks[(first + before) / kMarksOfWord]);
  mark_one_by_one(before + whole, x.size());
}

}  // namespace

void mark_non_zero(std::span<const float> x, std::size_t first,
                   std::span<std::uint32_t> marks) noexcept {
  mark(
      x, first, marks, [](float value) { return std::bit_cast<std::uint32_t>(value) != 0; },
      [](std::span<const float> values, std::uint32_t* words) {
        HWY_DYNAMIC_DISPATCH(mark_words_non_zero)(values, words);
      });
}

void mark_below(std::span<const std::uint32_t> words, std::uint32_t limit, std::size_t first,
                std::span<std::uint32_t> marks) noexcept {
  mark(
      words, first, marks, [limit](std::uint32_t word) { return word < limit; },
      [limit](std::span<const std::uint32_t> values, std::uint32_t* out) {
        HWY_DYNAMIC_DISPATCH(mark_words_below)(values, limit, out);
      });
}

}  // namespace vlm
#endif
