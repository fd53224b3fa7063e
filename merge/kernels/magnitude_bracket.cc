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
//
#include "merge/kernels/vector_runs-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vlm::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr std::size_t kChunk = 2048;
constexpr std::size_t kMostLanes = HWY_MAX_BYTES / sizeof(float);

// Of values - base, or of the values themselves if there is no base.
template <typename Value>
struct Differences {
  std::span<const Value> values;
  std::span<const Value> base;

  // The magnitudes of elements from i on.
  template <typename Tag>
  HWY_INLINE Bits<Tag> magnitude(Tag tag, std::size_t i) const {
    auto difference = load(tag, values.data() + i);
    if (!base.empty()) difference = hn::Sub(difference, load(tag, base.data() + i));
    return magnitude_of(tag, difference);
  }
  [[nodiscard]] Differences part(std::size_t first, std::size_t size) const {
    return {values.subspan(first, size), base.empty() ? base : base.subspan(first, size)};
  }
};

// Returns whether all magnitudes are below 2.
template <typename Value>
HWY_INLINE bool count_chunk(const Differences<Value>& chunk, const MagnitudeBracket& bracket,
                            BracketCounts& counts) {
  const hn::ScalableTag<float> floats;
  const BitsTag<hn::ScalableTag<float>> bits;
  const auto low = static_cast<std::int32_t>(bracket.low);
  const auto high = static_cast<std::int32_t>(bracket.high);
  const std::size_t lanes = hn::Lanes(bits);
  // Written before it is read.
  std::array<float, kChunk + kMostLanes> inside;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  std::size_t size = 0;
  std::size_t above = 0;
  std::size_t from_high = 0;
  std::size_t above_low = 0;
  std::size_t from_low = 0;
  auto seen = hn::Zero(bits);
  const std::size_t whole = chunk.values.size() / lanes * lanes;
  for (std::size_t i = 0; i < whole; i += lanes) {
    const auto magnitude = chunk.magnitude(floats, i);
    seen = hn::Or(seen, magnitude);
    const auto is_from_high = hn::Gt(magnitude, hn::Set(bits, high - 1));
    const auto is_above_low = hn::Gt(magnitude, hn::Set(bits, low));
    above += hn::CountTrue(bits, hn::Gt(magnitude, hn::Set(bits, high)));
    from_high += hn::CountTrue(bits, is_from_high);
    above_low += hn::CountTrue(bits, is_above_low);
    from_low += hn::CountTrue(bits, hn::Gt(magnitude, hn::Set(bits, low - 1)));
    // Without branches, which nobody could foretell. Stored whole: some processors take very long
    // to store a part of a vector in one instruction.
    const auto is_inside = hn::RebindMask(floats, hn::AndNot(is_from_high, is_above_low));
    hn::StoreU(hn::Compress(hn::BitCast(floats, magnitude), is_inside), floats,
               inside.data() + size);
    size += hn::CountTrue(floats, is_inside);
  }
  counts.above += above;
  counts.at_high += from_high - above;
  counts.at_low += low == high ? 0 : from_low - above_low;
  bool small = are_small(floats, seen);
  const hn::CappedTag<float, 1> one;
  for (std::size_t i = whole; i < chunk.values.size(); ++i) {
    const auto alone = chunk.magnitude(one, i);
    small = small && are_small(one, alone);
    const std::int32_t magnitude = hn::GetLane(alone);
    counts.above += magnitude > high ? 1U : 0U;
    counts.at_high += magnitude == high ? 1U : 0U;
    counts.at_low += magnitude == low && low != high ? 1U : 0U;
    if (magnitude > low && magnitude < high) inside[size++] = std::bit_cast<float>(magnitude);
  }
  counts.inside.insert(counts.inside.end(), inside.data(), inside.data() + size);
  return small;
}

template <typename Value>
HWY_INLINE bool count_all(const Differences<Value>& differences, const MagnitudeBracket& bracket,
                          BracketCounts& counts) {
  const std::size_t size = differences.values.size();
  bool are_small = true;
  for (std::size_t first = 0; first < size; first += kChunk) {
    const auto chunk = differences.part(first, std::min(kChunk, size - first));
    are_small = count_chunk(chunk, bracket, counts) && are_small;
  }
  return are_small;
}

// Highway exports functions, not templates.

bool count_floats(std::span<const float> values, std::span<const float> base,
                  const MagnitudeBracket& bracket, BracketCounts& counts) {
  return count_all<float>({values, base}, bracket, counts);
}
bool count_halves(std::span<const Bfloat16> values, std::span<const Bfloat16> base,
                  const MagnitudeBracket& bracket, BracketCounts& counts) {
  return count_all<Bfloat16>({values, base}, bracket, counts);
}

}  // namespace vlm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vlm {

HWY_EXPORT(count_floats);
HWY_EXPORT(count_halves);

bool count_around(std::span<const float> values, std::span<const float> base,
                  const MagnitudeBracket& bracket, BracketCounts& counts) {
  return HWY_DYNAMIC_DISPATCH(count_floats)(values, base, bracket, counts);
}
bool count_around(std::span<const Bfloat16> values, std::span<const Bfloat16> base,
                  const MagnitudeBracket& bracket, BracketCounts& counts) {
  return HWY_DYNAMIC_DISPATCH(count_halves)(values, base, bracket, counts);
}

}  // namespace vlm
#endif
