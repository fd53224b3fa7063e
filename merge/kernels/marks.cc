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

// A row of values is elements before whole words, those of whole words, and the rest.
struct Cut {
  std::size_t before;
  std::size_t whole;

  Cut(std::size_t first, std::size_t size)
      : before(std::min(size, (kMarksOfWord - first % kMarksOfWord) % kMarksOfWord)),
        whole((size - before) / kMarksOfWord * kMarksOfWord) {}
};

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
  const Cut cut(first, x.size());
  mark_one_by_one(x.first(cut.before), first, marks);
  const std::size_t begin = first + cut.before;
  if (cut.whole > 0) {
    HWY_DYNAMIC_DISPATCH(mark_words)
    (x.subspan(cut.before, cut.whole), marks.data() + begin / kMarksOfWord);
  }
  mark_one_by_one(x.subspan(cut.before + cut.whole), begin + cut.whole, marks);
}

void zero_unmarked(std::span<float> x, std::size_t first,
                   std::span<const std::uint32_t> marks) noexcept {
  const Cut cut(first, x.size());
  zero_one_by_one(x.first(cut.before), first, marks);
  const std::size_t begin = first + cut.before;
  if (cut.whole > 0) {
    HWY_DYNAMIC_DISPATCH(zero_by_words)
    (x.subspan(cut.before, cut.whole), marks.data() + begin / kMarksOfWord);
  }
  zero_one_by_one(x.subspan(cut.before + cut.whole), begin + cut.whole, marks);
}

}  // namespace vlm
#endif
