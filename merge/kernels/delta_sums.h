#pragma once

// Sums of deltas (values - base) of which entries are dropped, over all models of a merge in one
// pass: differences, what is kept, votes and sums of an element stay in registers. Rounded to
// float32 after each step as if steps were done one after the other. Inputs are float32, or
// bfloat16 as it is stored, and then give the bits that their float32 values give. Spans of one
// call have equal lengths and do not overlap.

#include <cstddef>
#include <cstdint>
#include <span>

#include "tensor/bfloat16.h"

namespace vlm {

// An entry is kept if its magnitude bits (magnitude_bits()) are in [lowest, highest], below 2^31.
struct MagnitudeWindow {
  std::int32_t lowest = 0;
  std::int32_t highest = 0x7FFFFFFF;
};
inline constexpr MagnitudeWindow kNothing{1, 0};

// Which entries of a delta are kept: those in the window that are also marked.
struct KeepRule {
  MagnitudeWindow window;
  // Bit first_mark + i, from the lowest of the first word on, of entry i; empty: all are marked.
  // REQUIRES: first_mark is a multiple of 32, or all entries are marked in one word.
  std::span<const std::uint32_t> marks;
  std::size_t first_mark = 0;
};

// One model's part of a sum.
template <typename Value>
struct WeightedDelta {
  std::span<const Value> values;  // of the model
  std::span<const float> made;    // instead: the delta itself
  KeepRule kept;                  // of values - base
  float rescale = 1;
  float weight = 0;
};

inline constexpr std::size_t kMostDeltas = 64;

// out = base + factor * (sum_i p_i) / divisor, p_i = weight_i (rescale_i d_i) of kept entries, else
// 0. Returns whether all differences are small (below 2), also those that are dropped: where an
// input is infinite or NaN they are not. REQUIRES: at most kMostDeltas.
bool add_deltas(std::span<const float> base, std::span<const WeightedDelta<float>> deltas,
                float divisor, float factor, std::span<float> out);
bool add_deltas(std::span<const Bfloat16> base, std::span<const WeightedDelta<Bfloat16>> deltas,
                float divisor, float factor, std::span<float> out);

// The same over those p_i whose sign is that of sum_i p_i (0 or -0 counts as positive; a p_i of 0
// agrees with nobody). With `normalize` divided by the sum of their weights, by 1 where that is 0.
bool add_agreeing_deltas(std::span<const float> base, std::span<const WeightedDelta<float>> deltas,
                         bool normalize, float factor, std::span<float> out);
bool add_agreeing_deltas(std::span<const Bfloat16> base,
                         std::span<const WeightedDelta<Bfloat16>> deltas, bool normalize,
                         float factor, std::span<float> out);

// Sums of magnitudes, in double: interleaved partial sums, added in a fixed order, of sums of eight
// in float32, whose errors are up to 4e-7 of them and average out.
struct L1Norms {
  double all = 0;
  double kept = 0;
  bool are_small = true;  // as add_deltas() tells it

  L1Norms& operator+=(const L1Norms& more) noexcept {
    all += more.all;
    kept += more.kept;
    are_small = are_small && more.are_small;
    return *this;
  }
};
// Of values - base.
L1Norms l1_norms(std::span<const float> base, std::span<const float> values, const KeepRule& kept);
L1Norms l1_norms(std::span<const Bfloat16> base, std::span<const Bfloat16> values,
                 const KeepRule& kept);

}  // namespace vlm
