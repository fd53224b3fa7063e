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

// out = base + factor * sum_i weight_i (values_i - base)
void add_task_vectors(std::span<const float> base, std::span<const Weighted<float>> models,
                      float factor, std::span<float> out) noexcept;
void add_task_vectors(std::span<const Bfloat16> base, std::span<const Weighted<Bfloat16>> models,
                      float factor, std::span<float> out) noexcept;

// out = factor_a * a + factor_b * b
void blend(std::span<const float> a, float factor_a, std::span<const float> b, float factor_b,
           std::span<float> out) noexcept;
void blend(std::span<const Bfloat16> a, float factor_a, std::span<const Bfloat16> b, float factor_b,
           std::span<float> out) noexcept;

// A delta from the base of which entries were dropped.
struct SparseDelta {
  std::span<const float> values;
  float rescale = 1;
  float weight = 0;
};

// out = base + factor * (sum_i p_i) / divisor, p_i = weight_i (rescale_i values_i).
void add_sparse_deltas(std::span<const float> base, std::span<const SparseDelta> deltas,
                       float divisor, float factor, std::span<float> out) noexcept;
void add_sparse_deltas(std::span<const Bfloat16> base, std::span<const SparseDelta> deltas,
                       float divisor, float factor, std::span<float> out) noexcept;

// The same over those p_i whose sign is that of sum_i p_i (0 or -0 counts as positive; a p_i of 0
// agrees with nobody). With `normalize` divided by the sum of their weights, by 1 where that is 0.
void add_agreeing_deltas(std::span<const float> base, std::span<const SparseDelta> deltas,
                         bool normalize, float factor, std::span<float> out) noexcept;
void add_agreeing_deltas(std::span<const Bfloat16> base, std::span<const SparseDelta> deltas,
                         bool normalize, float factor, std::span<float> out) noexcept;

}  // namespace vlm
