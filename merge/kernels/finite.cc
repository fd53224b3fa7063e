#include "merge/kernels/finite.h"

#include <algorithm>
#include <bit>
#include <cstdint>

// Highway compiles what is between its two namespace macros once for each instruction set. The
// loops are plain ones, which the compiler makes vectors of.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "merge/kernels/finite.cc"
#include <hwy/foreach_target.h>
//
#include <hwy/cache_control.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace vlm::HWY_NAMESPACE {

constexpr std::size_t kBlock = 2048;  // elements between two looks at the result
constexpr std::uint32_t kExponent = 0x7F800000U;

bool is_finite(float x) noexcept {
  return (std::bit_cast<std::uint32_t>(x) & kExponent) != kExponent;
}

std::optional<std::size_t> find_non_finite(std::span<const float> x) {
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

bool has_non_finite(std::span<const Bfloat16> x, std::span<const Bfloat16> next) {
  constexpr std::size_t kLine = 64 / sizeof(Bfloat16);  // elements of a line of the cache
  constexpr std::uint16_t kExponentOfHalf = kExponent >> 16U;
  const auto* const bits = reinterpret_cast<const std::uint16_t*>(x.data());
  std::uint16_t seen = 0;
  std::size_t i = 0;
  for (; i + kLine <= x.size(); i += kLine) {
    if (i < next.size()) hwy::Prefetch(next.data() + i);
    for (std::size_t j = i; j < i + kLine; ++j) {
      const bool is_none = (bits[j] & kExponentOfHalf) == kExponentOfHalf;
      seen = static_cast<std::uint16_t>(seen | (is_none ? 1U : 0U));
    }
  }
  for (; i < x.size(); ++i) seen |= (bits[i] & kExponentOfHalf) == kExponentOfHalf ? 1U : 0U;
  return seen != 0;
}

}  // namespace vlm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vlm {

HWY_EXPORT(find_non_finite);
HWY_EXPORT(has_non_finite);

std::optional<std::size_t> find_non_finite(std::span<const float> x) noexcept {
  return HWY_DYNAMIC_DISPATCH(find_non_finite)(x);
}

bool has_non_finite(std::span<const Bfloat16> x, std::span<const Bfloat16> next) noexcept {
  return HWY_DYNAMIC_DISPATCH(has_non_finite)(x, next);
}

}  // namespace vlm
#endif
