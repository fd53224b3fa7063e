#pragma once

// Division of counts.

#include <cstddef>

namespace vlm {

// How many pieces of `divisor` cover `value`. REQUIRES: divisor > 0, a sum that fits.
constexpr std::size_t divide_up(std::size_t value, std::size_t divisor) noexcept {
  return (value + divisor - 1) / divisor;
}

}  // namespace vlm
