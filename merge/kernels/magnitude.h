#pragma once

// Which elements of a delta (values - base) are the k largest by magnitude: exact, lowest index
// first among equals.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace vlm {

// Elements before `tie_end` are kept if their magnitude bits are >= `bits`, those from `tie_end` on
// if they are > `bits`.
struct MagnitudeCut {
  std::uint32_t bits = 0;
  std::size_t tie_end = 0;
};

// The cut that keeps exactly k elements. Four passes over the delta (a histogram of 11, 10 and 10
// bits of the magnitude, then the ties), no memory. REQUIRES: 0 < k <= n.
MagnitudeCut find_magnitude_cut(std::span<const float> values, std::span<const float> base,
                                std::size_t k);

// The same from a ranking of that delta, at once.
MagnitudeCut find_magnitude_cut(std::span<const float> values, std::span<const float> base,
                                std::span<const std::uint32_t> ranking, std::size_t k) noexcept;

// All indices by falling magnitude, lowest index first among equals: a stable radix sort.
// REQUIRES: n < 2^32.
std::vector<std::uint32_t> rank_magnitudes(std::span<const float> values,
                                           std::span<const float> base);

}  // namespace vlm
