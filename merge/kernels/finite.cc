#include "merge/kernels/finite.h"

#include <algorithm>
#include <bit>
#include <cstdint>

namespace vlm {
namespace {

constexpr std::size_t kBlock = 2048;  // elements between two looks at the result
constexpr std::uint32_t kExponent = 0x7F800000U;

bool is_finite(float x) noexcept {
  return (std::bit_cast<std::uint32_t>(x) & kExponent) != kExponent;
}

}  // namespace

std::optional<std::size_t> find_non_finite(std::span<const float> x) noexcept {
  for (std::size_t first = 0; first < x.size(); first += kBlock) {
    const std::span<const float> block = x.subspan(first, std::min(kBlock, x.size() - first));
    std::uint32_t seen = 0;  // without a branch, so that the loop is vectorised
    for (const float value : block) seen |= is_finite(value) ? 0U : 1U;
    if (seen == 0) continue;
    const auto found = std::find_if_not(block.begin(), block.end(), is_finite);
    return first + static_cast<std::size_t>(found - block.begin());
  }
  return std::nullopt;
}

}  // namespace vlm
