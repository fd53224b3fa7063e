#pragma once

// Whole runs of bfloat16 values to float32 and back: what tensor_view.h does with them, in vectors.

#include <cstddef>
#include <span>

namespace vlm {

// out[i] is value i of `stored`, 2 bytes each, little endian. REQUIRES: as many bytes as it takes.
void read_bfloat16(std::span<const std::byte> stored, std::span<float> out) noexcept;

// Rounded to nearest, ties to even, as float_to_bf16(). REQUIRES: as many bytes as it takes.
void store_bfloat16(std::span<const float> values, std::span<std::byte> out) noexcept;

}  // namespace vlm
