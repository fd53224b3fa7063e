#pragma once

// Loops that round weights to int8 and widen them to bfloat16, compiled for several instruction
// sets; the processor's best is taken at run time. Everything runs on the calling thread.

#include <cstddef>
#include <cstdint>
#include <span>

namespace vlm {

// The largest magnitude, 0 of nothing; infinite or NaN if a value is.
float largest_magnitude(std::span<const float> values) noexcept;

// The step of which the largest magnitude is `most_steps`; NaN if a value is not finite, 0 if the
// step would not be a normal number.
float step_size(std::span<const float> values, int most_steps) noexcept;

// Each value times 1 / scale, rounded to nearest, ties to even; 0 for a scale of 0 or NaN.
// REQUIRES: equal sizes; the values are finite and at most 127 * scale in magnitude, unless the
// scale is 0 or NaN; a scale above 0 is a normal number.
void round_to_int8(std::span<const float> values, float scale, std::span<std::int8_t> out) noexcept;

// A block of an int8 weight (tensor/int8_layout.h) as a block of a packed bfloat16 weight
// (tensor/packed_layout.h), which holds every step exactly. REQUIRES: blocks of as many columns.
void widen_int8_block(std::span<const std::uint8_t> block,
                      std::span<std::uint16_t> packed) noexcept;

}  // namespace vlm
