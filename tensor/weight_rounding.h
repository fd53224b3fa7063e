#pragma once

// Loops that round weights to bfloat16 and int8, compiled for several instruction sets; the
// processor's best is taken at run time. Everything runs on the calling thread.

#include <cstddef>
#include <cstdint>
#include <span>

namespace vlm {

// Rounds to nearest, ties to even, as float_to_bf16(). REQUIRES: equal sizes.
void round_to_bfloat16(std::span<const float> values, std::span<std::uint16_t> out) noexcept;

// The largest magnitude, 0 of nothing; infinite or NaN if a value is.
float largest_magnitude(std::span<const float> values) noexcept;

// Each value times 1 / scale, rounded to nearest, ties to even; 0 for a scale of 0 or NaN.
// REQUIRES: equal sizes; the values are finite and at most 127 * scale in magnitude, unless the
// scale is 0 or NaN; a scale above 0 is a normal number.
void round_to_int8(std::span<const float> values, float scale, std::span<std::int8_t> out) noexcept;

// A block of an int8 weight (tensor/int8_layout.h) as a block of a packed bfloat16 weight
// (tensor/packed_layout.h), which holds every step exactly. REQUIRES: blocks of as many columns.
void widen_int8_block(std::span<const std::uint8_t> block,
                      std::span<std::uint16_t> packed) noexcept;

}  // namespace vlm
