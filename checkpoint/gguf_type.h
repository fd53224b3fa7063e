#pragma once

// How the values of a tensor are stored in a GGUF file.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "tensor/tensor_view.h"

namespace vlm {

// The numbers are those of the file.
enum class GgufType : std::uint32_t {
  kF32 = 0,
  kF16 = 1,
  kQ8 = 8,  // blocks of 32 values: a float16 scale d and 32 8-bit numbers q, value d * q
  kBF16 = 30
};

// "f32", "f16", "bf16", "q8_0"; nothing for others.
std::optional<GgufType> parse_gguf_type(std::string_view name);

// Values that are stored together: 32 for q8_0, else 1. They divide the rows of a tensor.
std::size_t block_elements(GgufType type) noexcept;

// REQUIRES: blocks divide the last dimension; the size fits into size_t.
std::size_t gguf_size_bytes(const Shape& shape, GgufType type);

// Rounds values once: to nearest, ties to even for floats; q8_0 has d = max |x| / 127 and
// q = x / d rounded to nearest, ties away from 0, where the float16 rounding of d comes after.
// REQUIRES: out.size() is what gguf_size_bytes() says.
void encode_gguf(std::span<const float> values, GgufType type, std::span<std::byte> out) noexcept;

}  // namespace vlm
