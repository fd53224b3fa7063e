#include "language/decoder_config.h"

#include <string>

#include "core/error.h"

namespace vlm {
namespace {

constexpr std::size_t kLargestWidth = std::size_t{1} << 20U;  // hidden, intermediate, heads * dim
constexpr std::size_t kLargestLayerCount = 4096;
constexpr std::size_t kLargestVocabulary = std::size_t{1} << 24U;

std::size_t size_between_1_and(std::size_t largest, const JsonFields& fields,
                               std::string_view key) {
  const std::size_t value = fields.size(key);
  if (value == 0 || value > largest) {
    throw Error(ErrorCode::kCorruptFile, "expected 1 ... " + std::to_string(largest) + ": " +
                                             fields.where() + ": " + std::string(key) + " = " +
                                             std::to_string(value));
  }
  return value;
}

void check_heads(const DecoderConfig& config, const JsonFields& fields) {
  if (config.num_heads % config.num_kv_heads != 0) {
    throw Error(ErrorCode::kCorruptFile,
                "num_attention_heads is no multiple of num_key_value_heads: " + fields.where() +
                    ": " + std::to_string(config.num_heads) + " and " +
                    std::to_string(config.num_kv_heads));
  }
  if (config.head_dim % 2 != 0 || config.query_width() > kLargestWidth) {
    throw Error(ErrorCode::kCorruptFile,
                "expected an even head_dim of sensible size: " + fields.where() + ": " +
                    std::to_string(config.head_dim));
  }
}

std::size_t head_dim(const DecoderConfig& config, const JsonFields& fields) {
  if (fields.has("head_dim")) return size_between_1_and(kLargestWidth, fields, "head_dim");
  if (config.hidden_size % config.num_heads != 0) {
    throw Error(ErrorCode::kCorruptFile,
                "hidden_size is no multiple of num_attention_heads: " + fields.where() + ": " +
                    std::to_string(config.hidden_size) + " and " +
                    std::to_string(config.num_heads));
  }
  return config.hidden_size / config.num_heads;
}

// Qwen2 writes sliding_window even when use_sliding_window turns it off, and then for the layers
// from max_window_layers on only.
std::optional<std::size_t> sliding_window(const JsonFields& fields, bool is_qwen2) {
  if (is_qwen2 && !fields.boolean_or("use_sliding_window", false)) return std::nullopt;
  if (!fields.has("sliding_window")) return std::nullopt;
  if (is_qwen2) {
    throw Error(ErrorCode::kUnsupported, "sliding window in some layers only: " + fields.where() +
                                             ": use_sliding_window = true");
  }
  return size_between_1_and(std::size_t{1} << 40U, fields, "sliding_window");
}

void check_supported(const JsonFields& fields) {
  const std::string activation = fields.text_or("hidden_act", "silu");
  if (activation != "silu") {
    throw Error(ErrorCode::kUnsupported, "activation of the language model: " + fields.where() +
                                             ": hidden_act = " + activation + " (known: silu)");
  }
  if (!fields.has("rope_scaling")) return;
  const JsonFields scaling = fields.object("rope_scaling");
  const std::string type = scaling.text_or("rope_type", scaling.text_or("type", "default"));
  if (type != "default") {
    throw Error(ErrorCode::kUnsupported,
                "position scaling of the language model: " + fields.where() +
                    ": rope_scaling = " + type + " (known: none)");
  }
}

double positive_number(const JsonFields& fields, std::string_view key, double fallback) {
  const double value = fields.number_or(key, fallback);
  if (!(value > 0.0)) {
    throw Error(ErrorCode::kCorruptFile, "expected a positive number: " + fields.where() + ": " +
                                             std::string(key) + " = " + std::to_string(value));
  }
  return value;
}

}  // namespace

DecoderConfig parse_decoder_config(const JsonFields& text) {
  check_supported(text);
  const std::string model_type = text.text_or("model_type", "mistral");
  const bool is_qwen2 = model_type == "qwen2";
  DecoderConfig config;
  config.hidden_size = size_between_1_and(kLargestWidth, text, "hidden_size");
  config.num_layers = size_between_1_and(kLargestLayerCount, text, "num_hidden_layers");
  config.num_heads = size_between_1_and(kLargestWidth, text, "num_attention_heads");
  config.num_kv_heads = text.has("num_key_value_heads")
                            ? size_between_1_and(kLargestWidth, text, "num_key_value_heads")
                            : config.num_heads;
  config.head_dim = head_dim(config, text);
  check_heads(config, text);
  config.intermediate_size = size_between_1_and(kLargestWidth, text, "intermediate_size");
  config.vocab_size = size_between_1_and(kLargestVocabulary, text, "vocab_size");
  config.max_position_embeddings = text.size_or("max_position_embeddings", 0);
  config.rms_norm_eps = static_cast<float>(positive_number(text, "rms_norm_eps", 1e-6));
  config.rope_theta = positive_number(text, "rope_theta", 10000.0);
  config.sliding_window = sliding_window(text, is_qwen2);
  config.tied_head = text.boolean_or("tie_word_embeddings", false);
  const bool attention_bias = text.boolean_or("attention_bias", false);
  config.query_key_value_bias = is_qwen2 || attention_bias;
  config.attention_output_bias = attention_bias;
  config.mlp_bias = text.boolean_or("mlp_bias", false);
  return config;
}

}  // namespace vlm
