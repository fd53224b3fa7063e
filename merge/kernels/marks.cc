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

// Whole words.
void mark_words(std::span<const float> x, std::uint32_t* marks) {
  for (std::size_t first = 0; first < x.size(); first += kMarksOfWord) {
    const float* values = x.data() + first;
    std::uint32_t word = 0;
    for (std::uint32_t bit = 0; bit < kMarksOfWord; ++bit) {
      word |= (std::bit_cast<std::uint32_t>(values[bit]) != 0 ? 1U : 0U) << bit;
    }
    *marks++ |= word;
  }
}

void zero_by_words(std::span<float> x, const std::uint32_t* marks) {
  for (std::size_t first = 0; first < x.size(); first += kMarksOfWord) {
    float* values = x.data() + first;
    const std::uint32_t word = *marks++;
    for (std::uint32_t bit = 0; bit < kMarksOfWord; ++bit) {
      const std::uint32_t mask = 0U - ((word >> bit) & 1U);
      values[bit] = std::bit_cast<float>(std::bit_cast<std::uint32_t>(values[bit]) & mask);
    }
  }
}

}  // namespace vlm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vlm {
namespace {

HWY_EXPORT(mark_words);
HWY_EXPORT(zero_by_words);

// Calls ends(values, first) for what lies before and after whole words, words(values, word) for
// what fills them.
template <typename Value, typename Ends, typename Words>
void cut_at_words(std::span<Value> x, std::size_t first, const Ends& ends, const Words& words) {
  const std::size_t before =
      std::min(x.size(), (kMarksOfWord - first % kMarksOfWord) % kMarksOfWord);
  const std::size_t whole = (x.size() - before) / kMarksOfWord * kMarksOfWord;
  const std::size_t begin = first + before;
  ends(x.first(before), first);
  if (whole > 0) words(x.subspan(before, whole), begin / kMarksOfWord);
  ends(x.subspan(before + whole), begin + whole);
}

void mark_one_by_one(std::span<const float> x, std::size_t first, std::span<std::uint32_t> marks) {
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::uint32_t is_set = std::bit_cast<std::uint32_t>(x[i]) != 0 ? 1U : 0U;
    marks[(first + i) / kMarksOfWord] |= is_set << ((first + i) % kMarksOfWord);
  }
}

void zero_one_by_one(std::span<float> x, std::size_t first, std::span<const std::uint32_t> marks) {
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::uint32_t word = marks[(first + i) / kMarksOfWord];
    if (((word >> ((first + i) % kMarksOfWord)) & 1U) == 0) x[i] = 0;
  }
}

}  // namespace

void mark_non_zero(std::span<const float> x, std::size_t first,
                   std::span<std::uint32_t> marks) noexcept {
  cut_at_words(
      x, first,
      [&](std::span<const float> values, std::size_t begin) {
        mark_one_by_one(values, begin, marks);
      },
      [&](std::span<const float> values, std::size_t word) {
        HWY_DYNAMIC_DISPATCH(mark_words)(values, &marks[word]);
      });
}

void zero_unmarked(std::span<float> x, std::size_t first,
                   std::span<const std::uint32_t> marks) noexcept {
  cut_at_words(
      x, first,
      [&](std::span<float> values, std::size_t begin) { zero_one_by_one(values, begin, marks); },
      [&](std::span<float> values, std::size_t word) {
        HWY_DYNAMIC_DISPATCH(zero_by_words)(values, &marks[word]);
      });
}

}  // namespace vlm
#endif
