#pragma once

// The loops that touch every element of a merge, in float32. Written so that compilers vectorise
// them; results are those of the plain loop in index order. Spans of one call have equal lengths
// and do not overlap.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tensor/bfloat16.h"
#include "tensor/dtype.h"

namespace vlm {

using Vectors = std::vector<std::span<const float>>;  // all of one length

// out = a - b
void subtract(std::span<const float> a, std::span<const float> b, std::span<float> out) noexcept;
void subtract(std::span<const Bfloat16> a, std::span<const Bfloat16> b,
              std::span<float> out) noexcept;

// x *= factor
void scale(std::span<float> x, float factor) noexcept;

// sum += factor * x
void add_scaled(std::span<const float> x, float factor, std::span<float> sum) noexcept;

// x /= divisor
void divide(std::span<float> x, std::span<const float> divisor) noexcept;
void divide(std::span<float> x, float divisor) noexcept;

// out = base + factor * x
void add_to_base(std::span<const float> base, std::span<const float> x, float factor,
                 std::span<float> out) noexcept;
void add_to_base(std::span<const Bfloat16> base, std::span<const float> x, float factor,
                 std::span<float> out) noexcept;

// The bits of |x|: they order as the magnitudes do, NaN above infinity.
inline std::uint32_t magnitude_bits(float x) noexcept {
  return std::bit_cast<std::uint32_t>(x) & 0x7FFFFFFFU;
}

// Sets x to 0 where its magnitude bits are below `lowest`.
void zero_below(std::span<float> x, std::uint32_t lowest) noexcept;

// Sets x to 0 where its magnitude bits are `lowest` or more.
void zero_from(std::span<float> x, std::uint32_t lowest) noexcept;

// Sets x to 0 where the word is not below `limit`.
void zero_unless_below(std::span<float> x, std::span<const std::uint32_t> words,
                       std::uint32_t limit) noexcept;

// x *= factors[rank]
void scale_by_rank(std::span<float> x, std::span<const std::uint32_t> ranks,
                   std::span<const float> factors) noexcept;

// Sets x to 0 where `mask` is 0.
void zero_where_zero(std::span<const float> mask, std::span<float> x) noexcept;

// sum += x * factors
void add_product(std::span<const float> x, std::span<const float> factors,
                 std::span<float> sum) noexcept;
// The same in double.
void add_products(std::span<const float> x, std::span<const float> y,
                  std::span<double> sum) noexcept;

// out = w x + (1 - w) base, w = t / max(|base - x|, 1e-6) in 0 ... 1
void near_swap(std::span<const float> x, std::span<const float> base, float t,
               std::span<float> out) noexcept;

// The variance of each element over the vectors, divided by their number.
void population_variance(const Vectors& vectors, std::span<float> out) noexcept;

// An element of a delta is changed if its magnitude is above `threshold`, or if it is NaN.
// count += 1 where changed.
void add_one_where_above(std::span<const float> delta, float threshold,
                         std::span<float> count) noexcept;

// The changed elements of a delta, and how many of them no other model changed (models is 1).
struct ChangeCounts {
  std::size_t changed = 0;
  std::size_t unique = 0;

  ChangeCounts& operator+=(const ChangeCounts& more) noexcept {
    changed += more.changed;
    unique += more.unique;
    return *this;
  }
};
ChangeCounts count_changes(std::span<const float> delta, std::span<const float> models,
                           float threshold) noexcept;

// sum += delta / models where changed; unique changes times `unique_factor`.
struct ChangeRule {
  float threshold = 0;
  float unique_factor = 1;
};
void add_changes(std::span<const float> delta, std::span<const float> models,
                 const ChangeRule& rule, std::span<float> sum) noexcept;

// Where the sign of p is the majority's (+ if total >= 0, else -): sum += p, divisor += weight.
// Zeros agree with nobody.
void add_agreeing(std::span<const float> p, std::span<const float> total, float weight,
                  std::span<float> sum, std::span<float> divisor) noexcept;

// Replaces zeros by 1.
void replace_zeros_by_one(std::span<float> x) noexcept;

// Rounds to the nearest values of `dtype` (ties to even), kept as float32; F32 and F64 change
// nothing. REQUIRES: a floating dtype.
void round_to_dtype(std::span<float> x, DType dtype) noexcept;

}  // namespace vlm
