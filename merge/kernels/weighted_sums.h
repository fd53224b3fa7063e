#pragma once

// Weighted sums over all inputs of a merge in one pass, in float32, rounded after each step as if
// they were done one after the other. Inputs are float32, or bfloat16 as it is stored, and then
// give the bits that their float32 values give. Spans of one call have equal lengths and do not
// overlap.

#include <cstddef>
#include <span>
#include <vector>

#include "tensor/bfloat16.h"

namespace vlm {

template <typename Value>
struct Weighted {
  std::span<const Value> values;
  float weight = 0;
};

// The vectors with their weights as float32, but those whose weight is 0.
template <typename Number, typename Value>
std::vector<Weighted<Value>> weighted_terms(const std::vector<std::span<const Value>>& vectors,
                                            std::span<const Number> weights) {
  std::vector<Weighted<Value>> terms;
  terms.reserve(vectors.size());
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    const auto weight = static_cast<float>(weights[i]);
    if (weight != 0.0F) terms.push_back({vectors[i], weight});
  }
  return terms;
}

// out = (sum_i weight_i values_i) / divisor; the sum begins at 0.
void weighted_sum(std::span<const Weighted<float>> models, float divisor,
                  std::span<float> out) noexcept;
void weighted_sum(std::span<const Weighted<Bfloat16>> models, float divisor,
                  std::span<float> out) noexcept;

// out = factor_a * a + factor_b * b
void blend(std::span<const float> a, float factor_a, std::span<const float> b, float factor_b,
           std::span<float> out) noexcept;
void blend(std::span<const Bfloat16> a, float factor_a, std::span<const Bfloat16> b, float factor_b,
           std::span<float> out) noexcept;

}  // namespace vlm
