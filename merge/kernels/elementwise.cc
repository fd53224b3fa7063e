#include "merge/kernels/elementwise.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "core/check.h"

// Highway compiles what is between its two namespace macros once for each instruction set. The
// loops are plain ones, which the compiler makes vectors of.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "merge/kernels/elementwise.cc"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace vlm::HWY_NAMESPACE {

constexpr std::uint32_t kSignBit = 0x80000000U;

// bf16_to_float(float_to_bf16(value)) without leaving 32 bits, which vector instructions need.
float nearest_bfloat16(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = bits + 0x7FFFU + ((bits >> 16U) & 1U);
  // Both sides are below 2^31, and signed comparison is the one that SSE2 has.
  const bool is_nan = static_cast<std::int32_t>(bits & ~kSignBit) > 0x7F800000;
  return std::bit_cast<float>((is_nan ? bits | 0x400000U : rounded) & 0xFFFF0000U);
}

// True for NaN too, which so reaches the result.
bool is_changed(float delta, float threshold) noexcept {
  return !(std::fabs(delta) <= threshold);
}

void subtract(std::span<const float> a, std::span<const float> b, std::span<float> out) {
  const float* __restrict left = a.data();
  const float* __restrict right = b.data();
  float* __restrict result = out.data();
  for (std::size_t i = 0; i < out.size(); ++i) result[i] = left[i] - right[i];
}

void subtract_bfloat16(std::span<const Bfloat16> a, std::span<const Bfloat16> b,
                       std::span<float> out) {
  const Bfloat16* __restrict left = a.data();
  const Bfloat16* __restrict right = b.data();
  float* __restrict result = out.data();
  for (std::size_t i = 0; i < out.size(); ++i) result[i] = to_float(left[i]) - to_float(right[i]);
}

void scale(std::span<float> x, float factor) {
  for (float& value : x) value *= factor;
}

void add_scaled(std::span<const float> x, float factor, std::span<float> sum) {
  const float* __restrict values = x.data();
  float* __restrict result = sum.data();
  for (std::size_t i = 0; i < sum.size(); ++i) result[i] += factor * values[i];
}

void divide_by_each(std::span<float> x, std::span<const float> divisor) {
  const float* __restrict by = divisor.data();
  float* __restrict result = x.data();
  for (std::size_t i = 0; i < x.size(); ++i) result[i] /= by[i];
}

void divide_by_one(std::span<float> x, float divisor) {
  for (float& value : x) value /= divisor;
}

void add_to_base(std::span<const float> base, std::span<const float> x, float factor,
                 std::span<float> out) {
  const float* __restrict from = base.data();
  const float* __restrict step = x.data();
  float* __restrict result = out.data();
  for (std::size_t i = 0; i < out.size(); ++i) result[i] = from[i] + factor * step[i];
}

void add_to_bfloat16_base(std::span<const Bfloat16> base, std::span<const float> x, float factor,
                          std::span<float> out) {
  const Bfloat16* __restrict from = base.data();
  const float* __restrict step = x.data();
  float* __restrict result = out.data();
  for (std::size_t i = 0; i < out.size(); ++i) result[i] = to_float(from[i]) + factor * step[i];
}

// Both sides are below 2^31, and signed comparison is the one that SSE2 has.
HWY_INLINE bool reaches(float value, std::uint32_t lowest) {
  return static_cast<std::int32_t>(magnitude_bits(value)) >= static_cast<std::int32_t>(lowest);
}

void zero_below(std::span<float> x, std::uint32_t lowest) {
  for (float& value : x) value = reaches(value, lowest) ? value : 0.0F;
}

void zero_unless_below(std::span<float> x, std::span<const std::uint32_t> words,
                       std::uint32_t limit) {
  const std::uint32_t* __restrict bits = words.data();
  float* __restrict values = x.data();
  for (std::size_t i = 0; i < x.size(); ++i) values[i] = bits[i] < limit ? values[i] : 0.0F;
}

void zero_from(std::span<float> x, std::uint32_t lowest) {
  for (float& value : x) value = reaches(value, lowest) ? 0.0F : value;
}

void scale_by_rank(std::span<float> x, std::span<const std::uint32_t> ranks,
                   std::span<const float> factors) {
  const std::uint32_t* __restrict places = ranks.data();
  const float* __restrict factor = factors.data();
  float* __restrict values = x.data();
  for (std::size_t i = 0; i < x.size(); ++i) values[i] *= factor[places[i]];
}

void zero_where_zero(std::span<const float> mask, std::span<float> x) {
  const float* __restrict keeps = mask.data();
  float* __restrict values = x.data();
  for (std::size_t i = 0; i < x.size(); ++i) values[i] = keeps[i] != 0.0F ? values[i] : 0.0F;
}

void add_product(std::span<const float> x, std::span<const float> factors, std::span<float> sum) {
  const float* __restrict values = x.data();
  const float* __restrict by = factors.data();
  float* __restrict result = sum.data();
  for (std::size_t i = 0; i < sum.size(); ++i) result[i] += values[i] * by[i];
}

void add_products(std::span<const float> x, std::span<const float> y, std::span<double> sum) {
  const float* left = x.data();
  const float* right = y.data();
  double* __restrict result = sum.data();
  for (std::size_t i = 0; i < sum.size(); ++i) result[i] += double{left[i]} * double{right[i]};
}

void near_swap(std::span<const float> x, std::span<const float> base, float t,
               std::span<float> out) {
  constexpr float kSmallestDistance = 1e-6F;
  const float* __restrict to = x.data();
  const float* __restrict from = base.data();
  float* __restrict result = out.data();
  for (std::size_t i = 0; i < out.size(); ++i) {
    const float distance = std::max(std::fabs(from[i] - to[i]), kSmallestDistance);
    const float weight = std::min(std::max(t / distance, 0.0F), 1.0F);
    result[i] = weight * to[i] + (1.0F - weight) * from[i];
  }
}

void population_variance(const Vectors& vectors, std::span<float> out) {
  const auto count = static_cast<float>(vectors.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    float mean = 0;
    for (const std::span<const float> vector : vectors) mean += vector[i];
    mean /= count;
    float sum = 0;
    for (const std::span<const float> vector : vectors) {
      sum += (vector[i] - mean) * (vector[i] - mean);
    }
    out[i] = sum / count;
  }
}

void add_one_where_above(std::span<const float> delta, float threshold, std::span<float> count) {
  const float* __restrict values = delta.data();
  float* __restrict result = count.data();
  for (std::size_t i = 0; i < count.size(); ++i) {
    result[i] += is_changed(values[i], threshold) ? 1.0F : 0.0F;
  }
}

ChangeCounts count_changes(std::span<const float> delta, std::span<const float> models,
                           float threshold) {
  ChangeCounts counts;
  for (std::size_t i = 0; i < delta.size(); ++i) {
    const bool changed = is_changed(delta[i], threshold);
    counts.changed += changed ? 1 : 0;
    counts.unique += changed && models[i] == 1.0F ? 1 : 0;
  }
  return counts;
}

void add_changes(std::span<const float> delta, std::span<const float> models,
                 const ChangeRule& rule, std::span<float> sum) {
  const float* __restrict values = delta.data();
  const float* __restrict count = models.data();
  float* __restrict result = sum.data();
  for (std::size_t i = 0; i < sum.size(); ++i) {
    const float factor = count[i] == 1.0F ? rule.unique_factor : 1.0F / count[i];
    result[i] += is_changed(values[i], rule.threshold) ? values[i] * factor : 0.0F;
  }
}

void add_agreeing(std::span<const float> p, std::span<const float> total, float weight,
                  std::span<float> sum, std::span<float> divisor) {
  const float* __restrict values = p.data();
  const float* __restrict votes = total.data();
  float* __restrict merged = sum.data();
  float* __restrict weights = divisor.data();
  const auto weight_bits = std::bit_cast<std::uint32_t>(weight);
  // On the bits, without a branch: signs of deltas are as unpredictable as coins.
  for (std::size_t i = 0; i < sum.size(); ++i) {
    const auto value = std::bit_cast<std::uint32_t>(values[i]);
    const auto vote = std::bit_cast<std::uint32_t>(votes[i]);
    const std::uint32_t majority_sign = vote > kSignBit ? kSignBit : 0;  // -0 counts as positive
    const bool agrees = ((value ^ majority_sign) & kSignBit) == 0 && (value & ~kSignBit) != 0;
    const std::uint32_t mask = agrees ? 0xFFFFFFFFU : 0U;
    merged[i] += std::bit_cast<float>(value & mask);
    weights[i] += std::bit_cast<float>(weight_bits & mask);
  }
}

void replace_zeros_by_one(std::span<float> x) {
  for (float& value : x) value = value == 0.0F ? 1.0F : value;
}

void round_to_dtype(std::span<float> x, DType dtype) {
  switch (dtype) {
    case DType::kF32:
    case DType::kF64:
      return;
    case DType::kBF16:
      for (float& value : x) value = nearest_bfloat16(value);
      return;
    case DType::kF16:
      for (float& value : x) value = f16_to_float(float_to_f16(value));
      return;
    default:
      check(false, "round_to_dtype: floating dtype");
  }
}
}  // namespace vlm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vlm {
HWY_EXPORT(subtract);
HWY_EXPORT(scale);
HWY_EXPORT(add_scaled);
HWY_EXPORT(divide_by_each);
HWY_EXPORT(divide_by_one);
HWY_EXPORT(add_to_base);
HWY_EXPORT(add_to_bfloat16_base);
HWY_EXPORT(subtract_bfloat16);
HWY_EXPORT(zero_below);
HWY_EXPORT(zero_unless_below);
HWY_EXPORT(zero_from);
HWY_EXPORT(scale_by_rank);
HWY_EXPORT(zero_where_zero);
HWY_EXPORT(add_product);
HWY_EXPORT(add_products);
HWY_EXPORT(near_swap);
HWY_EXPORT(population_variance);
HWY_EXPORT(add_one_where_above);
HWY_EXPORT(count_changes);
HWY_EXPORT(add_changes);
HWY_EXPORT(add_agreeing);
HWY_EXPORT(replace_zeros_by_one);
HWY_EXPORT(round_to_dtype);

void subtract(std::span<const float> a, std::span<const float> b, std::span<float> out) noexcept {
  HWY_DYNAMIC_DISPATCH(subtract)(a, b, out);
}

void subtract(std::span<const Bfloat16> a, std::span<const Bfloat16> b,
              std::span<float> out) noexcept {
  HWY_DYNAMIC_DISPATCH(subtract_bfloat16)(a, b, out);
}

void scale(std::span<float> x, float factor) noexcept {
  HWY_DYNAMIC_DISPATCH(scale)(x, factor);
}

void add_scaled(std::span<const float> x, float factor, std::span<float> sum) noexcept {
  HWY_DYNAMIC_DISPATCH(add_scaled)(x, factor, sum);
}

void divide(std::span<float> x, std::span<const float> divisor) noexcept {
  HWY_DYNAMIC_DISPATCH(divide_by_each)(x, divisor);
}

void divide(std::span<float> x, float divisor) noexcept {
  HWY_DYNAMIC_DISPATCH(divide_by_one)(x, divisor);
}

void add_to_base(std::span<const float> base, std::span<const float> x, float factor,
                 std::span<float> out) noexcept {
  HWY_DYNAMIC_DISPATCH(add_to_base)(base, x, factor, out);
}

void add_to_base(std::span<const Bfloat16> base, std::span<const float> x, float factor,
                 std::span<float> out) noexcept {
  HWY_DYNAMIC_DISPATCH(add_to_bfloat16_base)(base, x, factor, out);
}

void zero_below(std::span<float> x, std::uint32_t lowest) noexcept {
  HWY_DYNAMIC_DISPATCH(zero_below)(x, lowest);
}

void zero_unless_below(std::span<float> x, std::span<const std::uint32_t> words,
                       std::uint32_t limit) noexcept {
  HWY_DYNAMIC_DISPATCH(zero_unless_below)(x, words, limit);
}

void zero_from(std::span<float> x, std::uint32_t lowest) noexcept {
  HWY_DYNAMIC_DISPATCH(zero_from)(x, lowest);
}

void scale_by_rank(std::span<float> x, std::span<const std::uint32_t> ranks,
                   std::span<const float> factors) noexcept {
  HWY_DYNAMIC_DISPATCH(scale_by_rank)(x, ranks, factors);
}

void zero_where_zero(std::span<const float> mask, std::span<float> x) noexcept {
  HWY_DYNAMIC_DISPATCH(zero_where_zero)(mask, x);
}

void add_product(std::span<const float> x, std::span<const float> factors,
                 std::span<float> sum) noexcept {
  HWY_DYNAMIC_DISPATCH(add_product)(x, factors, sum);
}

void add_products(std::span<const float> x, std::span<const float> y,
                  std::span<double> sum) noexcept {
  HWY_DYNAMIC_DISPATCH(add_products)(x, y, sum);
}

void near_swap(std::span<const float> x, std::span<const float> base, float t,
               std::span<float> out) noexcept {
  HWY_DYNAMIC_DISPATCH(near_swap)(x, base, t, out);
}

void population_variance(const Vectors& vectors, std::span<float> out) noexcept {
  HWY_DYNAMIC_DISPATCH(population_variance)(vectors, out);
}

void add_one_where_above(std::span<const float> delta, float threshold,
                         std::span<float> count) noexcept {
  HWY_DYNAMIC_DISPATCH(add_one_where_above)(delta, threshold, count);
}

ChangeCounts count_changes(std::span<const float> delta, std::span<const float> models,
                           float threshold) noexcept {
  return HWY_DYNAMIC_DISPATCH(count_changes)(delta, models, threshold);
}

void add_changes(std::span<const float> delta, std::span<const float> models,
                 const ChangeRule& rule, std::span<float> sum) noexcept {
  HWY_DYNAMIC_DISPATCH(add_changes)(delta, models, rule, sum);
}

void add_agreeing(std::span<const float> p, std::span<const float> total, float weight,
                  std::span<float> sum, std::span<float> divisor) noexcept {
  HWY_DYNAMIC_DISPATCH(add_agreeing)(p, total, weight, sum, divisor);
}

void replace_zeros_by_one(std::span<float> x) noexcept {
  HWY_DYNAMIC_DISPATCH(replace_zeros_by_one)(x);
}

void round_to_dtype(std::span<float> x, DType dtype) noexcept {
  HWY_DYNAMIC_DISPATCH(round_to_dtype)(x, dtype);
}

}  // namespace vlm
#endif
