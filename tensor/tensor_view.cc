#include "tensor/tensor_view.h"

#include <algorithm>
#include <cstring>

#include "core/check.h"
#include "tensor/bfloat16_values.h"

namespace vlm {
namespace {

template <typename Stored, typename Convert>
void convert_in(std::span<const std::byte> bytes, std::span<float> out, Convert convert) noexcept {
  for (std::size_t i = 0; i < out.size(); ++i) {
    Stored stored;
    std::memcpy(&stored, bytes.data() + i * sizeof(Stored), sizeof(Stored));
    out[i] = convert(stored);
  }
}

template <typename Stored, typename Convert>
void convert_out(std::span<const float> values, std::span<std::byte> out,
                 Convert convert) noexcept {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Stored stored = convert(values[i]);
    std::memcpy(out.data() + i * sizeof(Stored), &stored, sizeof(Stored));
  }
}

}  // namespace

std::optional<std::size_t> element_count(const Shape& shape) noexcept {
  std::size_t count = 1;
  for (const std::size_t dimension : shape) {
    if (__builtin_mul_overflow(count, dimension, &count)) return std::nullopt;
  }
  return count;
}

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  }
  return text + "]";
}

void read_floats(const TensorView& tensor, std::size_t first, std::span<float> out) noexcept {
  const std::size_t size_bytes = element_size_bytes(tensor.dtype);
  const std::size_t total = tensor.bytes.size() / size_bytes;
  check(first <= total && out.size() <= total - first, "read_floats: range inside the tensor");
  const auto bytes = tensor.bytes.subspan(first * size_bytes, out.size() * size_bytes);
  switch (tensor.dtype) {
    case DType::kF64:
      return convert_in<double>(bytes, out, [](double v) { return static_cast<float>(v); });
    case DType::kF32:
      if (!out.empty()) std::memcpy(out.data(), bytes.data(), bytes.size());
      return;
    case DType::kF16:
      return convert_in<std::uint16_t>(bytes, out, f16_to_float);
    case DType::kBF16:
      return read_bfloat16(bytes, out);
    default:
      check(false, "read_floats: floating dtype");
  }
}

std::vector<float> floats_of(const TensorView& tensor) {
  std::vector<float> values(element_count(tensor.shape).value_or(0));
  read_floats(tensor, 0, values);
  return values;
}

void store_floats(std::span<const float> values, DType dtype, std::span<std::byte> out) noexcept {
  check(out.size() == values.size() * element_size_bytes(dtype), "store_floats: output size");
  switch (dtype) {
    case DType::kF64:
      return convert_out<double>(values, out, [](float v) { return double{v}; });
    case DType::kF32:
      if (!values.empty()) std::memcpy(out.data(), values.data(), out.size());
      return;
    case DType::kF16:
      return convert_out<std::uint16_t>(values, out, float_to_f16);
    case DType::kBF16:
      return store_bfloat16(values, out);
    default:
      check(false, "store_floats: floating dtype");
  }
}

}  // namespace vlm
