#pragma once

// Element-wise activation functions, in place.

#include <span>
#include <string_view>

namespace vlm {

// gate = silu(gate) * up, with silu(x) = x / (1 + exp(-x)). Shazeer 2020, "GLU variants", eq. 6.
// Equal lengths.
void swiglu(std::span<float> gate, std::span<const float> up) noexcept;

// x * sigmoid(1.702 x): CLIP's "quick_gelu". Hendrycks & Gimpel 2016, section 2.
void quick_gelu(std::span<float> x) noexcept;

// x * Phi(x) with the exact normal distribution function: "gelu". Hendrycks & Gimpel 2016, eq. 2.
void gelu(std::span<float> x) noexcept;

// The tanh approximation: "gelu_pytorch_tanh", "gelu_new". Hendrycks & Gimpel 2016, section 2.
void gelu_tanh(std::span<float> x) noexcept;

using Activation = void (*)(std::span<float>) noexcept;

// The activation of that name in a config's hidden_act, or nullptr if it is none of the above.
Activation find_activation(std::string_view name) noexcept;

}  // namespace vlm
