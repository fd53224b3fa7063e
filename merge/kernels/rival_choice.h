#pragma once

// Which other entry of a row a random word points at.

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "merge/kernels/random_rivals.h"

namespace vlm {

// A word w between the bounds points at number floor((w - low) (n - 1) / (high - low)) of the n - 1
// others, by products of 32 bits: (((w - low) << left) factor >> 32) >> right. The factor is
// rounded down, by less than 2^-31 of it, so the number is at most n - 2.
struct RivalChoice {
  std::uint32_t low = 0;
  std::uint32_t factor = 0;
  int left = 0;
  int right = 0;
};

// REQUIRES: low < high, and a row of at least two entries, fewer than 2^31.
inline RivalChoice choose_rivals(std::size_t row_size, const WordBounds& bounds) {
  RivalChoice choice{.low = bounds.low};
  std::uint32_t range = bounds.high - bounds.low;
  choice.left = std::countl_zero(range);
  range <<= static_cast<std::uint32_t>(choice.left);
  const double share = static_cast<double>(row_size - 1) / range;  // below 1
  int exponent = 0;
  const double mantissa = std::frexp(share, &exponent);  // from 1/2 to 1
  choice.factor = static_cast<std::uint32_t>(mantissa * 0x1p32);
  choice.right = -exponent;
  return choice;
}

}  // namespace vlm
