#pragma once

// The numbers of a decoder: Mistral, Llama and Qwen2 differ in nothing else.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/json_fields.h"
#include "language/layer_path.h"
#include "language/rope_scaling.h"

namespace vlm {

struct DecoderConfig {
  std::size_t hidden_size = 0;
  std::size_t num_layers = 0;
  std::size_t num_heads = 0;
  std::size_t num_kv_heads = 0;
  std::size_t head_dim = 0;
  std::size_t intermediate_size = 0;
  std::size_t vocab_size = 0;
  float rms_norm_eps = 0.0F;
  double rope_theta = 10000.0;
  RopeScaling rope_scaling;
  // [layers]: the tokens a query sees, its own included; nothing: all before it.
  std::vector<std::optional<std::size_t>> layer_windows;
  bool tied_head = false;  // hf: tie_word_embeddings
  bool query_key_value_bias = false;
  bool attention_output_bias = false;
  bool mlp_bias = false;
  LayerPath path;

  [[nodiscard]] std::size_t query_width() const noexcept { return num_heads * head_dim; }
  [[nodiscard]] std::size_t kv_width() const noexcept { return num_kv_heads * head_dim; }
  [[nodiscard]] std::size_t query_key_value_width() const noexcept {
    return query_width() + 2 * kv_width();
  }
  // Executions of layers for a token.
  [[nodiscard]] std::size_t num_hops() const noexcept {
    return path.hops.empty() ? num_layers : path.hops.size();
  }
  bool operator==(const DecoderConfig&) const = default;
  // Query heads that share one key and value head.
  [[nodiscard]] std::size_t group_size() const noexcept { return num_heads / num_kv_heads; }
};

// Reads the language model's part of a config.json (ModelConfig::text()).
// Throws Error{kCorruptFile} for missing or inconsistent numbers and Error{kUnsupported} for an
// activation, a position encoding or a window rule that this decoder does not have.
DecoderConfig parse_decoder_config(const JsonFields& text);

}  // namespace vlm
