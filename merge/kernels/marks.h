#pragma once

// One bit for each of a row of values.

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/divide_up.h"

namespace vlm {

inline constexpr std::size_t kMarksOfWord = 32;

// How many words the marks of so many values take.
constexpr std::size_t words_of_marks(std::size_t size) {
  return divide_up(size, kMarksOfWord);
}

// Sets bit `first` + i (counted from the lowest of the first word) where any bit of x[i] is set, so
// also for -0; bits that are set stay.
void mark_non_zero(std::span<const float> x, std::size_t first,
                   std::span<std::uint32_t> marks) noexcept;

// The same where words[i] is below `limit`.
void mark_below(std::span<const std::uint32_t> words, std::uint32_t limit, std::size_t first,
                std::span<std::uint32_t> marks) noexcept;

}  // namespace vlm
