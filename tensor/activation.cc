#include "tensor/activation.h"

#include <cmath>
#include <cstddef>
#include <numbers>

#include "core/check.h"
#include "tensor/exponential.h"

namespace vlm {

void swiglu(std::span<float> gate, std::span<const float> up) noexcept {
  check(gate.size() == up.size(), "swiglu: equal lengths");
  multiply_by_sigmoid(gate, 1.0F);
  for (std::size_t i = 0; i < gate.size(); ++i) gate[i] *= up[i];
}

void quick_gelu(std::span<float> x) noexcept {
  multiply_by_sigmoid(x, 1.702F);
}

void gelu(std::span<float> x) noexcept {
  constexpr auto kInverseSqrt2 = static_cast<float>(1.0 / std::numbers::sqrt2);
  for (float& value : x) value = 0.5F * value * (1.0F + std::erf(value * kInverseSqrt2));
}

void gelu_tanh(std::span<float> x) noexcept {
  constexpr auto kSqrt2OverPi = static_cast<float>(std::numbers::sqrt2 * std::numbers::inv_sqrtpi);
  for (float& value : x) {
    const float inner = kSqrt2OverPi * (value + 0.044715F * value * value * value);
    value = 0.5F * value * (1.0F + std::tanh(inner));
  }
}

Activation find_activation(std::string_view name) noexcept {
  if (name == "quick_gelu") return quick_gelu;
  if (name == "gelu") return gelu;
  if (name == "gelu_pytorch_tanh" || name == "gelu_new") return gelu_tanh;
  return nullptr;
}

}  // namespace vlm
