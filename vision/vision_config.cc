#include "vision/vision_config.h"

#include <cstdint>
#include <string>

#include "core/error.h"

namespace vlm {
namespace {

constexpr std::size_t kMaxDimension = std::size_t{1} << 20U;
constexpr std::size_t kMaxTokens = std::size_t{1} << 16U;

[[noreturn]] void refuse(ErrorCode code, const JsonFields& json, const std::string& what) {
  throw Error(code, "vision tower: " + json.where() + ": " + what);
}

std::size_t dimension_or(const JsonFields& json, const std::string& key, std::size_t fallback) {
  const std::size_t value = json.size_or(key, fallback);
  if (value > 0 && value <= kMaxDimension) return value;
  refuse(ErrorCode::kCorruptFile, json,
         key + " " + std::to_string(value) + " (1 to " + std::to_string(kMaxDimension) + ")");
}

void check_shapes(const VisionConfig& config, const JsonFields& json) {
  if (config.hidden_size % config.num_heads != 0) {
    refuse(ErrorCode::kCorruptFile, json,
           "hidden_size " + std::to_string(config.hidden_size) + " is no multiple of " +
               std::to_string(config.num_heads) + " num_attention_heads");
  }
  if (config.patch_size_px > config.image_size_px || config.num_tokens() > kMaxTokens) {
    refuse(ErrorCode::kCorruptFile, json,
           "image_size " + std::to_string(config.image_size_px) +
               " cannot be cut into patches of " + std::to_string(config.patch_size_px));
  }
  if (config.num_channels != 3) {
    refuse(ErrorCode::kUnsupported, json,
           "num_channels " + std::to_string(config.num_channels) + " (known: 3)");
  }
  if (!(config.layer_norm_epsilon > 0.0F)) {
    refuse(ErrorCode::kCorruptFile, json, "layer_norm_eps must be positive");
  }
}

// What CLIPVisionConfig and SiglipVisionConfig leave out of a saved config.
VisionConfig family_defaults(const JsonFields& json) {
  const std::string type = json.text_or("model_type", "clip_vision_model");
  VisionConfig config;
  if (type == "clip_vision_model") return config;
  if (type != "siglip_vision_model") {
    refuse(ErrorCode::kUnsupported, json,
           "model_type '" + type + "' (known: clip_vision_model, siglip_vision_model)");
  }
  config.family = VisionFamily::kSiglip;
  config.patch_size_px = 16;
  config.layer_norm_epsilon = 1e-6F;
  config.activation = find_activation("gelu_pytorch_tanh");
  return config;
}

}  // namespace

VisionConfig VisionConfig::from_json(const JsonFields& json) {
  VisionConfig config = family_defaults(json);
  config.hidden_size = dimension_or(json, "hidden_size", config.hidden_size);
  config.intermediate_size = dimension_or(json, "intermediate_size", config.intermediate_size);
  config.num_layers = dimension_or(json, "num_hidden_layers", config.num_layers);
  config.num_heads = dimension_or(json, "num_attention_heads", config.num_heads);
  config.image_size_px = dimension_or(json, "image_size", config.image_size_px);
  config.patch_size_px = dimension_or(json, "patch_size", config.patch_size_px);
  config.num_channels = dimension_or(json, "num_channels", config.num_channels);
  if (json.has("layer_norm_eps")) {
    config.layer_norm_epsilon = static_cast<float>(json.number("layer_norm_eps"));
  }
  if (json.has("hidden_act")) config.activation = find_activation(json.text("hidden_act"));
  if (config.activation == nullptr) {
    refuse(ErrorCode::kUnsupported, json, "hidden_act '" + json.text("hidden_act") + "'");
  }
  check_shapes(config, json);
  return config;
}

std::size_t hidden_state_index(const VisionConfig& config, int layer) {
  const auto states = static_cast<std::int64_t>(config.num_layers) + 1;
  const std::int64_t index = layer < 0 ? states + layer : layer;
  if (index < 0 || index >= states) {
    throw Error(ErrorCode::kInvalidArgument, "vision_feature_layer: " + std::to_string(layer) +
                                                 " of a vision tower with " +
                                                 std::to_string(config.num_layers) + " layers");
  }
  return static_cast<std::size_t>(index);
}

}  // namespace vlm
