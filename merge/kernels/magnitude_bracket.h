#pragma once

// Counting the magnitudes of a delta around a narrow range in one pass, so that a cut in it is
// found without sorting the delta.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace vlm {

// A range of magnitude bits (magnitude_bits()). REQUIRES: low <= high.
struct MagnitudeBracket {
  std::uint32_t low = 0;
  std::uint32_t high = 0;
};

// What was seen of some elements.
struct BracketCounts {
  std::size_t above = 0;      // magnitudes above the high end
  std::size_t at_high = 0;    // equal to it
  std::size_t at_low = 0;     // equal to the low end, if that is another
  std::vector<float> inside;  // the magnitudes between both ends, in index order
};

// Adds the elements of `delta`, the next in index order.
void count_around(std::span<const float> delta, const MagnitudeBracket& bracket,
                  BracketCounts& counts);

}  // namespace vlm
