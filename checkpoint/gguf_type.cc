#include "checkpoint/gguf_type.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "core/check.h"

namespace vlm {
namespace {

constexpr std::size_t kBlock = 32;
constexpr std::size_t kBlockBytes = 2 + kBlock;

DType dtype_of(GgufType type) noexcept {
  switch (type) {
    case GgufType::kF16:
      return DType::kF16;
    case GgufType::kBF16:
      return DType::kBF16;
    default:
      return DType::kF32;
  }
}

void encode_block(std::span<const float> x, std::span<std::byte> out) noexcept {
  float largest = 0;
  for (const float value : x) largest = std::max(largest, std::fabs(value));
  constexpr float kLargestNumber = 127;
  const float scale = largest / kLargestNumber;
  const float inverse = scale == 0 ? 0 : 1 / scale;
  store_floats(std::span(&scale, 1), DType::kF16, out.first(2));
  for (std::size_t i = 0; i < kBlock; ++i) {
    out[2 + i] = static_cast<std::byte>(static_cast<std::int8_t>(std::round(x[i] * inverse)));
  }
}

}  // namespace

std::optional<GgufType> parse_gguf_type(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, GgufType>, 4> kNames = {
      {{"f32", GgufType::kF32},
       {"f16", GgufType::kF16},
       {"bf16", GgufType::kBF16},
       {"q8_0", GgufType::kQ8}}};
  for (const auto& [known, type] : kNames) {
    if (known == name) return type;
  }
  return std::nullopt;
}

std::size_t block_elements(GgufType type) noexcept {
  return type == GgufType::kQ8 ? kBlock : 1;
}

std::size_t gguf_size_bytes(const Shape& shape, GgufType type) {
  const auto count = element_count(shape);
  check(count && (shape.empty() || shape.back() % block_elements(type) == 0),
        "gguf_size_bytes: blocks divide the rows");
  const std::size_t block_bytes =
      type == GgufType::kQ8 ? kBlockBytes : element_size_bytes(dtype_of(type));
  return *count / block_elements(type) * block_bytes;
}

void encode_gguf(std::span<const float> values, GgufType type, std::span<std::byte> out) noexcept {
  if (type != GgufType::kQ8) return store_floats(values, dtype_of(type), out);
  for (std::size_t i = 0; i < values.size() / kBlock; ++i) {
    encode_block(values.subspan(i * kBlock, kBlock), out.subspan(i * kBlockBytes, kBlockBytes));
  }
}

}  // namespace vlm
