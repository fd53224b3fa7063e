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

// hf: Qwen2Config.layer_types; what is not written there follows from max_window_layers.
bool has_window(const JsonFields& fields, std::size_t layer) {
  if (!fields.has("layer_types")) return layer >= fields.size_or("max_window_layers", 28);
  const Json& types = fields.json()["layer_types"];
  const std::string type = types[layer].is_string() ? types[layer].get<std::string>() : "";
  if (type == "sliding_attention") return true;
  if (type == "full_attention") return false;
  throw Error(ErrorCode::kUnsupported,
              "kind of attention: " + fields.where() + ": layer_types[" + std::to_string(layer) +
                  "] = " + json_line(types[layer]) + " (known: full_attention, sliding_attention)");
}

void check_layer_types(const JsonFields& fields, std::size_t num_layers) {
  if (!fields.has("layer_types")) return;
  const Json& types = fields.json()["layer_types"];
  if (types.is_array() && types.size() == num_layers) return;
  throw Error(ErrorCode::kCorruptFile,
              "expected a list of one kind for each layer: " + fields.where() +
                  ": layer_types has " + std::to_string(types.size()) + ", num_hidden_layers is " +
                  std::to_string(num_layers));
}

// Mistral has its window in every layer. Qwen2 writes sliding_window even when use_sliding_window
// turns it off, and then has it in some layers. Llama has none.
std::vector<std::optional<std::size_t>> layer_windows(const JsonFields& fields,
                                                      std::string_view model_type,
                                                      std::size_t num_layers) {
  const bool is_qwen2 = model_type == "qwen2";
  std::vector<std::optional<std::size_t>> windows(num_layers);
  if (model_type == "llama" || !fields.has("sliding_window")) return windows;
  if (is_qwen2 && !fields.boolean_or("use_sliding_window", false)) return windows;
  if (is_qwen2) check_layer_types(fields, num_layers);
  const std::size_t window = size_between_1_and(std::size_t{1} << 40U, fields, "sliding_window");
  for (std::size_t layer = 0; layer < num_layers; ++layer) {
    if (!is_qwen2 || has_window(fields, layer)) windows[layer] = window;
  }
  return windows;
}

void check_supported(const JsonFields& fields) {
  const std::string activation = fields.text_or("hidden_act", "silu");
  if (activation != "silu") {
    throw Error(ErrorCode::kUnsupported, "activation of the language model: " + fields.where() +
                                             ": hidden_act = " + activation + " (known: silu)");
  }
  const double rotated = fields.number_or("partial_rotary_factor", 1.0);
  if (rotated != 1.0) {
    throw Error(ErrorCode::kUnsupported,
                "heads that are rotated in part: " + fields.where() +
                    ": partial_rotary_factor = " + std::to_string(rotated) + " (known: 1)");
  }
}

// The released data-flow layout; checkpoint/model_config.h says where the lists come from.
// input_scales_of is a key of ours: the released code knows scales of the MLP's output alone.
LayerPath layer_path(const JsonFields& fields) {
  LayerPath path = parse_layer_path(
      fields, {"input_layers", "input_scales", "input_scales_of", HopScaling::kMlpOutput});
  const std::size_t num_hops = fields.size("num_hops");
  if (path.hops.size() != num_hops) {
    throw Error(ErrorCode::kCorruptFile, "expected one layer for each hop: " + fields.where() +
                                             ": num_hops is " + std::to_string(num_hops) +
                                             ", input_layers has " +
                                             std::to_string(path.hops.size()));
  }
  return path;
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
  config.rms_norm_eps = static_cast<float>(positive_number(text, "rms_norm_eps", 1e-6));
  config.rope_theta = positive_number(text, "rope_theta", 10000.0);
  config.rope_scaling = parse_rope_scaling(text, config.head_dim);
  config.layer_windows = layer_windows(text, model_type, config.num_layers);
  config.tied_head = text.boolean_or("tie_word_embeddings", false);
  // Options of Llama alone; Qwen2 always has three biases and Mistral none.
  const bool is_llama = model_type == "llama";
  config.attention_output_bias = is_llama && text.boolean_or("attention_bias", false);
  config.query_key_value_bias = model_type == "qwen2" || config.attention_output_bias;
  config.mlp_bias = is_llama && text.boolean_or("mlp_bias", false);
  if (model_type == "evomistral") config.path = layer_path(text);
  return config;
}

}  // namespace vlm
