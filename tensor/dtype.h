#pragma once

// Element types of stored tensors, and conversions of 16-bit floats.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace vlm {

enum class DType : std::uint8_t { kF64, kF32, kF16, kBF16, kI64, kI32, kI16, kI8, kU8, kBool };

std::size_t element_size_bytes(DType dtype) noexcept;

// Names as in safetensors headers: "F32", "BF16", ...
std::string_view safetensors_name(DType dtype) noexcept;
std::optional<DType> dtype_from_safetensors_name(std::string_view name) noexcept;

// Names as in configs and recipes: "float32", "bfloat16", "float16"; a leading "torch." is allowed.
std::string_view torch_name(DType dtype) noexcept;
std::optional<DType> dtype_from_torch_name(std::string_view name) noexcept;

bool is_floating(DType dtype) noexcept;

// bfloat16 is the upper half of a float32.
constexpr float bf16_to_float(std::uint16_t bits) noexcept {
  return std::bit_cast<float>(std::uint32_t{bits} << 16U);
}

// Rounds to nearest, ties to even; NaN stays NaN (quiet).
constexpr std::uint16_t float_to_bf16(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const bool is_nan = (bits & 0x7FFFFFFFU) > 0x7F800000U;
  const std::uint32_t rounded = (bits + 0x7FFFU + ((bits >> 16U) & 1U)) >> 16U;
  return static_cast<std::uint16_t>(is_nan ? (bits >> 16U) | 0x40U : rounded);
}

float f16_to_float(std::uint16_t bits) noexcept;
// Rounds to nearest, ties to even; overflow gives infinity, NaN stays NaN.
std::uint16_t float_to_f16(float value) noexcept;

}  // namespace vlm
