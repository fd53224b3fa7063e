#pragma once

// The numbers of a Mistral-style decoder: also plain Llama and Qwen2.

#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/json_fields.h"

namespace vlm {

struct DecoderConfig {
  std::size_t hidden_size = 0;
  std::size_t num_layers = 0;
  std::size_t num_heads = 0;
  std::size_t num_kv_heads = 0;
  std::size_t head_dim = 0;
  std::size_t intermediate_size = 0;
  std::size_t vocab_size = 0;
  std::size_t max_position_embeddings = 0;  // information only: longer texts are not refused
  float rms_norm_eps = 0.0F;
  double rope_theta = 10000.0;
  std::optional<std::size_t> sliding_window;  // tokens a query sees, its own included
  bool tied_head = false;                     // hf: tie_word_embeddings
  bool query_key_value_bias = false;
  bool attention_output_bias = false;
  bool mlp_bias = false;

  [[nodiscard]] std::size_t query_width() const noexcept { return num_heads * head_dim; }
  [[nodiscard]] std::size_t kv_width() const noexcept { return num_kv_heads * head_dim; }
  // Query heads that share one key and value head.
  [[nodiscard]] std::size_t group_size() const noexcept { return num_heads / num_kv_heads; }
};

// Reads the language model's part of a config.json (ModelConfig::text()).
// Throws Error{kCorruptFile} for missing or inconsistent numbers and Error{kUnsupported} for an
// activation, a position encoding or a window rule that this decoder does not have.
DecoderConfig parse_decoder_config(const JsonFields& text);

}  // namespace vlm
