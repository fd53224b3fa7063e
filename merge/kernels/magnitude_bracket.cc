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

constexpr std::size_t kChunk = 1024;  // magnitudes that are made before they are counted
constexpr std::size_t kMostLanes = HWY_MAX_BYTES / sizeof(float);
using Magnitudes = std::array<std::int32_t, kChunk>;

// Writes those of values - base, or of the values themselves if there is no base, at most a chunk.
// Returns whether all are below 2.
template <typename Value>
HWY_INLINE bool make_magnitudes(std::span<const Value> values, std::span<const Value> base,
                                Magnitudes& magnitudes) {
  bool small = true;
  for_each_run(values.size(), [&](auto tag, auto count, std::size_t first) {
    using Tag = decltype(tag);
    const BitsTag<Tag> bits;
    auto differences = load_run<count>(tag, values.data() + first);
    if (!base.empty()) {
      const auto from = load_run<count>(tag, base.data() + first);
      for (std::size_t j = 0; j < count; ++j) differences[j] = hn::Sub(differences[j], from[j]);
    }
    auto seen = hn::Zero(bits);
    for (std::size_t j = 0; j < count; ++j) {
      const auto magnitude = magnitude_of(tag, differences[j]);
      seen = hn::Or(seen, magnitude);
      hn::StoreU(magnitude, bits, magnitudes.data() + first + j * hn::Lanes(bits));
    }
    small = small && are_small(tag, seen);
  });
  return small;
}

template <typename Tag>
struct Ends {
  Vector<Tag> low;
  Vector<Tag> high;

  HWY_INLINE auto is_inside(Vector<Tag> magnitude) const {
    return hn::And(hn::Gt(magnitude, low), hn::Lt(magnitude, high));
  }
};

template <typename Tag>
HWY_INLINE std::size_t count_lanes(Tag tag, Vector<Tag> minus_counts) {
  return static_cast<std::size_t>(-hn::GetLane(hn::SumOfLanes(tag, minus_counts)));
}

// Whole runs of one chunk. Returns how many elements they are.
HWY_INLINE std::size_t count_runs(std::span<const std::int32_t> magnitudes, BracketCounts& counts) {
  const hn::ScalableTag<std::int32_t> bits;
  using Tag = hn::ScalableTag<std::int32_t>;
  const std::size_t lanes = hn::Lanes(bits);
  const Ends<Tag> ends{hn::Set(bits, static_cast<std::int32_t>(counts.bracket.low)),
                       hn::Set(bits, static_cast<std::int32_t>(counts.bracket.high))};
  std::array<std::int32_t, kChunk + kMostLanes> inside;  // NOLINT(*-member-init): set as used
  std::size_t size = 0;
  auto above = hn::Zero(bits);  // minus how many, in each lane
  auto at_high = hn::Zero(bits);
  auto at_low = hn::Zero(bits);
  std::size_t first = 0;
  for (; first + kTogether * lanes <= magnitudes.size(); first += kTogether * lanes) {
    Run<Tag, kTogether> run;
    auto some = hn::Zero(bits);
    for (std::size_t j = 0; j < kTogether; ++j) {
      run[j] = hn::LoadU(bits, magnitudes.data() + first + j * lanes);
      above = hn::Add(above, hn::VecFromMask(bits, hn::Gt(run[j], ends.high)));
      at_high = hn::Add(at_high, hn::VecFromMask(bits, hn::Eq(run[j], ends.high)));
      at_low = hn::Add(at_low, hn::VecFromMask(bits, hn::Eq(run[j], ends.low)));
      some = hn::Or(some, hn::VecFromMask(bits, ends.is_inside(run[j])));
    }
    if (hn::AllFalse(bits, hn::Lt(some, hn::Zero(bits)))) continue;
    for (std::size_t j = 0; j < kTogether; ++j) {
      // Stored whole: some processors take very long to store a part of a vector in one
      // instruction.
      const auto is_inside = ends.is_inside(run[j]);
      hn::StoreU(compress(bits, run[j], is_inside), bits, inside.data() + size);
      size += hn::CountTrue(bits, is_inside);
    }
  }
  counts.above += count_lanes(bits, above);
  counts.at_high += count_lanes(bits, at_high);
  counts.at_low += counts.bracket.low == counts.bracket.high ? 0 : count_lanes(bits, at_low);
  const auto* const collected = reinterpret_cast<const float*>(inside.data());
  counts.inside.insert(counts.inside.end(), collected, collected + size);
  return first;
}

HWY_INLINE void count_one(std::int32_t magnitude, BracketCounts& counts) {
  const auto low = static_cast<std::int32_t>(counts.bracket.low);
  const auto high = static_cast<std::int32_t>(counts.bracket.high);
  if (magnitude > high) {
    ++counts.above;
  } else if (magnitude == high) {
    ++counts.at_high;
  } else if (magnitude == low) {
    ++counts.at_low;
  } else if (magnitude > low) {
    counts.inside.push_back(std::bit_cast<float>(magnitude));
  }
}

template <typename Value>
HWY_INLINE bool count_all(std::span<const Value> values, std::span<const Value> base,
                          std::span<BracketCounts> counts) {
  Magnitudes memory;  // NOLINT(*-member-init): set as used
  bool are_small = true;
  for (std::size_t first = 0; first < values.size(); first += kChunk) {
    const std::size_t size = std::min(kChunk, values.size() - first);
    const auto from = base.empty() ? base : base.subspan(first, size);
    are_small = make_magnitudes(values.subspan(first, size), from, memory) && are_small;
    const auto magnitudes = std::span<const std::int32_t>(memory).first(size);
    for (BracketCounts& each : counts) {
      const std::size_t done = count_runs(magnitudes, each);
      for (const std::int32_t magnitude : magnitudes.subspan(done)) count_one(magnitude, each);
    }
  }
  return are_small;
}

// Highway exports functions, not templates.

bool count_floats(std::span<const float> values, std::span<const float> base,
                  std::span<BracketCounts> counts) {
  return count_all(values, base, counts);
}
bool count_halves(std::span<const Bfloat16> values, std::span<const Bfloat16> base,
                  std::span<BracketCounts> counts) {
  return count_all(values, base, counts);
}

}  // namespace vlm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vlm {

HWY_EXPORT(count_floats);
HWY_EXPORT(count_halves);

bool count_around(std::span<const float> values, std::span<const float> base,
                  std::span<BracketCounts> counts) {
  return HWY_DYNAMIC_DISPATCH(count_floats)(values, base, counts);
}
bool count_around(std::span<const Bfloat16> values, std::span<const Bfloat16> base,
                  std::span<BracketCounts> counts) {
  return HWY_DYNAMIC_DISPATCH(count_halves)(values, base, counts);
}

}  // namespace vlm
#endif
