#pragma once

// The loops that touch every element of a merge, in float32. Written so that compilers vectorise
// them; results are those of the plain loop in index order. Spans of one call have equal lengths
// and do not overlap.

#include <cstdint>
#include <span>

#include "tensor/dtype.h"

namespace vlm {

// out = a - b
void subtract(std::span<const float> a, std::span<const float> b, std::span<float> out) noexcept;

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

// out = factor_a * a + factor_b * b
void blend(std::span<const float> a, float factor_a, std::span<const float> b, float factor_b,
           std::span<float> out) noexcept;

// The bits of |x|: they order as the magnitudes do, NaN above infinity.
std::uint32_t magnitude_bits(float x) noexcept;

// Sets x to 0 where its magnitude bits are below `lowest`.
void zero_below(std::span<float> x, std::uint32_t lowest) noexcept;

// Sets x to 0 where the word is not below `limit`.
void zero_unless_below(std::span<float> x, std::span<const std::uint32_t> words,
                       std::uint32_t limit) noexcept;

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
