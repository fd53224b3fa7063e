#pragma once

// Counting the magnitudes of a delta around a narrow range in one pass, so that a cut in it is
// found without sorting the delta.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tensor/bfloat16.h"

namespace vlm {

// A range of magnitude bits (magnitude_bits()). REQUIRES: low <= high.
struct MagnitudeBracket {
  std::uint32_t low = 0;
  std::uint32_t high = 0;
};

// What was seen of some elements around a bracket.
struct BracketCounts {
  MagnitudeBracket bracket;
  std::size_t above = 0;      // magnitudes above the high end
  std::size_t at_high = 0;    // equal to it
  std::size_t at_low = 0;     // equal to the low end, if that is another
  std::vector<float> inside;  // the magnitudes between both ends, in index order
};

// Adds the next elements, in index order, of a delta values - base (of the values themselves if
// `base` is empty) to all `counts`; those stored as bfloat16 count as their float32 values. Returns
// whether all differences are small (below 2), so that none is infinite or NaN; they are where an
// input is.
bool count_around(std::span<const float> values, std::span<const float> base,
                  std::span<BracketCounts> counts);
bool count_around(std::span<const Bfloat16> values, std::span<const Bfloat16> base,
                  std::span<BracketCounts> counts);

}  // namespace vlm
