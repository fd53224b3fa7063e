#pragma once

// Decoders of random shape with random weights, for rules that hold for all of them.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/philox.h"
#include "language/decoder.h"
#include "tensor/matrix.h"
#include "tensor/weight_matrix.h"

namespace vlm {

// The same seed gives the same decoder.
class RandomDecoder {
 public:
  explicit RandomDecoder(std::uint64_t seed) : RandomDecoder(seed, {}) {}
  // With that scaling of positions instead of a random one.
  RandomDecoder(std::uint64_t seed, std::optional<RopeScaling> scaling)
      : random_(philox_key(seed, "random decoder"), 0),
        config_(random_config(scaling)),
        decoder_(config_, random_weights()) {}

  [[nodiscard]] const Decoder& decoder() const { return decoder_; }
  [[nodiscard]] std::size_t longest_window() const {
    std::size_t longest = 0;
    for (const auto& window : config_.layer_windows) {
      longest = std::max(longest, window.value_or(0));
    }
    return longest;
  }
  std::vector<TokenId> ids(std::size_t count) {
    std::vector<TokenId> ids(count);
    for (TokenId& id : ids) id = static_cast<TokenId>(random_.below(config_.vocab_size));
    return ids;
  }
  // Uniform on first ... last.
  std::size_t between(std::size_t first, std::size_t last) {
    return first + random_.below(last - first + 1);
  }
  [[nodiscard]] std::string description() const {
    return "hidden " + std::to_string(config_.hidden_size) + ", heads " +
           std::to_string(config_.num_heads) + "/" + std::to_string(config_.num_kv_heads) +
           ", head_dim " + std::to_string(config_.head_dim) + ", vocabulary " +
           std::to_string(config_.vocab_size) + ", hops " +
           std::to_string(config_.path.hops.size());
  }

 private:
  bool coin() { return random_.below(2) == 1; }

  RopeScaling random_scaling() {
    switch (random_.below(3)) {
      case 1:
        return {.kind = RopeScalingKind::kLinear, .factor = 4.0};
      case 2:
        return {.kind = RopeScalingKind::kLlama3, .factor = 8.0, .original_context = 16};
      default:
        return {};
    }
  }

  DecoderConfig random_config(std::optional<RopeScaling> scaling) {
    DecoderConfig config;
    config.hidden_size = between(1, 40);
    config.num_layers = between(1, 3);
    config.num_kv_heads = between(1, 3);
    config.num_heads = config.num_kv_heads * between(1, 3);
    config.head_dim = 2 * between(2, 12);
    config.intermediate_size = between(1, 50);
    config.vocab_size = between(2, 77);
    config.rms_norm_eps = 1e-5F;
    config.rope_scaling = scaling ? *scaling : random_scaling();
    config.tied_head = coin();
    config.query_key_value_bias = coin();
    config.attention_output_bias = coin();
    config.mlp_bias = coin();
    for (std::size_t i = 0; i < config.num_layers; ++i) {
      config.layer_windows.push_back(coin() ? std::optional(between(1, 6)) : std::nullopt);
    }
    config.path.scaling = coin() ? HopScaling::kStream : HopScaling::kMlpOutput;
    for (std::size_t hop = between(1, 4); hop > 0; --hop) {
      config.path.hops.push_back(
          {between(0, config.num_layers - 1), 0.5F + static_cast<float>(random_.uniform())});
    }
    return config;
  }

  // Normal numbers of that standard deviation.
  Matrix<float>& random_matrix(std::size_t rows, std::size_t cols, double deviation) {
    Matrix<float>& matrix = matrices_.emplace_back(rows, cols);
    for (float& value : matrix.values()) value = static_cast<float>(deviation * random_.normal());
    return matrix;
  }
  std::span<const float> random_norm() {
    Matrix<float>& norm = random_matrix(1, config_.hidden_size, 0.2);
    for (float& value : norm.values()) value += 1.0F;
    return norm.values();
  }
  // A float32 weight of such numbers.
  const WeightMatrix* random_weight(std::size_t rows, std::size_t cols, double deviation) {
    weights_.push_back(make_weight(WeightFormat::kFloat32, rows, cols));
    weights_.back()->fill([&](std::span<float> values) {
      for (float& value : values) value = static_cast<float>(deviation * random_.normal());
    });
    return weights_.back().get();
  }
  LinearWeights random_linear(std::size_t out, std::size_t in, bool biased) {
    const double deviation = 1.0 / std::sqrt(static_cast<double>(in));
    const WeightMatrix* weight = random_weight(out, in, deviation);
    if (!biased) return {weight, {}};
    return {weight, random_matrix(1, out, 0.3).values()};
  }
  DecoderLayerWeights random_layer() {
    const DecoderConfig& c = config_;
    return {
        .input_norm = random_norm(),
        .query_key_value =
            random_linear(c.query_key_value_width(), c.hidden_size, c.query_key_value_bias),
        .attention_output = random_linear(c.hidden_size, c.query_width(), c.attention_output_bias),
        .post_attention_norm = random_norm(),
        .gate_up = random_linear(2 * c.intermediate_size, c.hidden_size, c.mlp_bias),
        .down = random_linear(c.hidden_size, c.intermediate_size, c.mlp_bias)};
  }

  DecoderWeights random_weights() {
    const std::size_t hidden = config_.hidden_size;
    const WeightMatrix* embeddings = random_weight(config_.vocab_size, hidden, 1.0);
    std::vector<DecoderLayerWeights> layers;
    for (std::size_t i = 0; i < config_.num_layers; ++i) layers.push_back(random_layer());
    const std::span<const float> norm = random_norm();
    const WeightMatrix* head =
        config_.tied_head ? embeddings : random_weight(config_.vocab_size, hidden, 1.0);
    return {embeddings, std::move(layers), norm, head};
  }

  RandomStream random_;
  std::list<Matrix<float>> matrices_;  // what the weights are views of
  std::vector<std::unique_ptr<WeightMatrix>> weights_;
  DecoderConfig config_;
  Decoder decoder_;
};

// The logits [tokens, vocab] of a whole sequence in one pass.
inline Matrix<float> whole_logits(const Decoder& decoder, std::span<const TokenId> ids,
                                  ThreadPool& pool) {
  DecoderScratch scratch;
  KvCache cache = decoder.make_cache();
  Matrix<float> hidden(ids.size(), decoder.config().hidden_size);
  Matrix<float> logits(ids.size(), decoder.config().vocab_size);
  const SequenceRows rows{&cache, 0, ids.size()};
  decoder.embed(ids, hidden.view());
  decoder.forward(hidden.view(), {&rows, 1}, scratch, pool);
  decoder.logits(hidden.view(), logits.view(), scratch, pool);
  return logits;
}

// How far two orders of the same float32 sums may put logits of a RandomDecoder apart: every one of
// the two products of a sublayer adds up to n = 50 terms, each rounded with epsilon relative to the
// largest logit, which stands for the size of the stream, in at most 4 hops and the head.
inline float logit_tolerance(std::span<const float> logits) {
  constexpr float kEpsilon = 0x1p-23F;
  constexpr float kTerms = 50.0F;
  constexpr float kProducts = 4.0F * 4.0F + 1.0F;
  float largest = 1.0F;
  for (const float logit : logits) largest = std::max(largest, std::abs(logit));
  return kEpsilon * kTerms * kProducts * largest;
}

}  // namespace vlm
