#pragma once

// One bit for each of a row of values.

#include <cstddef>
#include <cstdint>
#include <span>

namespace vlm {

inline constexpr std::size_t kMarksOfWord = 32;

// Sets bit `first` + i (counted from the lowest of the first word) where any bit of x[i] is set, so
// also for -0; bits that are set stay.
void mark_non_zero(std::span<const float> x, std::size_t first,
                   std::span<std::uint32_t> marks) noexcept;

// Sets x[i] to 0 where bit `first` + i is 0.
void zero_unmarked(std::span<float> x, std::size_t first,
                   std::span<const std::uint32_t> marks) noexcept;

}  // namespace vlm
