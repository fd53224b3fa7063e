#include "tensor/dtype.h"

#include <array>

namespace vlm {
namespace {

struct DTypeRow {
  DType dtype;
  std::size_t size_bytes;
  std::string_view safetensors;
  std::string_view torch;
};

constexpr std::array<DTypeRow, 10> kRows{{{DType::kF64, 8, "F64", "float64"},
                                          {DType::kF32, 4, "F32", "float32"},
                                          {DType::kF16, 2, "F16", "float16"},
                                          {DType::kBF16, 2, "BF16", "bfloat16"},
                                          {DType::kI64, 8, "I64", "int64"},
                                          {DType::kI32, 4, "I32", "int32"},
                                          {DType::kI16, 2, "I16", "int16"},
                                          {DType::kI8, 1, "I8", "int8"},
                                          {DType::kU8, 1, "U8", "uint8"},
                                          {DType::kBool, 1, "BOOL", "bool"}}};

const DTypeRow& row_of(DType dtype) noexcept {
  return kRows[static_cast<std::size_t>(dtype)];
}

}  // namespace

std::size_t element_size_bytes(DType dtype) noexcept {
  return row_of(dtype).size_bytes;
}

std::string_view safetensors_name(DType dtype) noexcept {
  return row_of(dtype).safetensors;
}

std::optional<DType> dtype_from_safetensors_name(std::string_view name) noexcept {
  for (const DTypeRow& row : kRows) {
    if (row.safetensors == name) return row.dtype;
  }
  return std::nullopt;
}

std::string_view torch_name(DType dtype) noexcept {
  return row_of(dtype).torch;
}

std::optional<DType> dtype_from_torch_name(std::string_view name) noexcept {
  constexpr std::string_view kPrefix = "torch.";
  if (name.substr(0, kPrefix.size()) == kPrefix) name.remove_prefix(kPrefix.size());
  for (const DTypeRow& row : kRows) {
    if (row.torch == name) return row.dtype;
  }
  return std::nullopt;
}

bool is_floating(DType dtype) noexcept {
  return dtype == DType::kF64 || dtype == DType::kF32 || dtype == DType::kF16 ||
         dtype == DType::kBF16;
}

float f16_to_float(std::uint16_t bits) noexcept {
  const std::uint32_t sign = (bits & 0x8000U) << 16U;
  const std::uint32_t exponent = (bits >> 10U) & 0x1FU;
  const std::uint32_t mantissa = bits & 0x3FFU;
  if (exponent == 0x1FU) return std::bit_cast<float>(sign | 0x7F800000U | (mantissa << 13U));
  if (exponent == 0) {  // zero or subnormal: mantissa * 2^-24
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24F;
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
  }
  return std::bit_cast<float>(sign | ((exponent + 112U) << 23U) | (mantissa << 13U));
}

std::uint16_t float_to_f16(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16U) & 0x8000U;
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  if (magnitude > 0x7F800000U) return static_cast<std::uint16_t>(sign | 0x7E00U);   // NaN
  if (magnitude >= 0x477FF000U) return static_cast<std::uint16_t>(sign | 0x7C00U);  // to infinity
  if (magnitude < 0x38800000U) {
    // Below the smallest normal half: adding 0.5 lets the float unit round to multiples of 2^-24.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3F000000U));
  }
  const std::uint32_t rounded = magnitude + 0xFFFU + ((magnitude >> 13U) & 1U);
  return static_cast<std::uint16_t>(sign | ((rounded - 0x38000000U) >> 13U));
}

}  // namespace vlm
