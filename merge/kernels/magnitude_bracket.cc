#include "merge/kernels/magnitude_bracket.h"

#include <algorithm>
#include <array>
#include <bit>

// Highway compiles what is between its two namespace macros once for each instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "merge/kernels/magnitude_bracket.cc"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace vlm::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr std::size_t kChunk = 2048;  // few enough for sums of 32 bits
constexpr std::size_t kMostLanes = HWY_MAX_BYTES / sizeof(float);
constexpr std::int32_t kMagnitude = 0x7FFFFFFF;

using Bits = hn::ScalableTag<std::int32_t>;
using Vector = hn::VFromD<Bits>;

// How many elements are more than a bound, lane by lane.
struct Counter {
  std::int32_t bound;
  Vector sum = hn::Zero(Bits());

  HWY_INLINE auto add(Vector magnitude) {
    const auto is_more = hn::Gt(magnitude, hn::Set(Bits(), bound));
    sum = hn::Sub(sum, hn::VecFromMask(Bits(), is_more));
    return is_more;
  }
  [[nodiscard]] std::size_t total() const {
    return static_cast<std::size_t>(hn::GetLane(hn::SumOfLanes(Bits(), sum)));
  }
};

// Magnitude bits are below 2^31, so that signed comparisons do, which all instruction sets have.
void count_chunk(std::span<const float> chunk, const MagnitudeBracket& bracket,
                 BracketCounts& counts) {
  const Bits bits;
  const hn::RebindToFloat<Bits> floats;
  const auto low = static_cast<std::int32_t>(bracket.low);
  const auto high = static_cast<std::int32_t>(bracket.high);
  const std::size_t lanes = hn::Lanes(bits);
  // Written before it is read.
  std::array<float, kChunk + kMostLanes> inside;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  std::size_t size = 0;
  Counter above{high};
  Counter from_high{high - 1};
  Counter above_low{low};
  Counter from_low{low - 1};
  const std::size_t whole = chunk.size() / lanes * lanes;
  for (std::size_t i = 0; i < whole; i += lanes) {
    const auto stored = hn::BitCast(bits, hn::LoadU(floats, &chunk[i]));
    const auto magnitude = hn::And(stored, hn::Set(bits, kMagnitude));
    above.add(magnitude);
    from_low.add(magnitude);
    const auto is_inside = hn::AndNot(from_high.add(magnitude), above_low.add(magnitude));
    if (hn::AllFalse(bits, is_inside)) continue;
    // Stored whole: some processors take very long to store a part of a vector in one instruction.
    const auto mask = hn::RebindMask(floats, is_inside);
    hn::StoreU(hn::Compress(hn::BitCast(floats, magnitude), mask), floats, inside.data() + size);
    size += hn::CountTrue(floats, mask);
  }
  counts.above += above.total();
  counts.at_high += from_high.total() - above.total();
  counts.at_low += low == high ? 0 : from_low.total() - above_low.total();
  for (std::size_t i = whole; i < chunk.size(); ++i) {
    const std::int32_t magnitude = std::bit_cast<std::int32_t>(chunk[i]) & kMagnitude;
    counts.above += magnitude > high ? 1U : 0U;
    counts.at_high += magnitude == high ? 1U : 0U;
    counts.at_low += magnitude == low && low != high ? 1U : 0U;
    if (magnitude > low && magnitude < high) inside[size++] = std::bit_cast<float>(magnitude);
  }
  counts.inside.insert(counts.inside.end(), inside.data(), inside.data() + size);
}

void count_around(std::span<const float> delta, const MagnitudeBracket& bracket,
                  BracketCounts& counts) {
  for (std::size_t first = 0; first < delta.size(); first += kChunk) {
    count_chunk(delta.subspan(first, std::min(kChunk, delta.size() - first)), bracket, counts);
  }
}

}  // namespace vlm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vlm {

HWY_EXPORT(count_around);

void count_around(std::span<const float> delta, const MagnitudeBracket& bracket,
                  BracketCounts& counts) {
  HWY_DYNAMIC_DISPATCH(count_around)(delta, bracket, counts);
}

}  // namespace vlm
#endif
