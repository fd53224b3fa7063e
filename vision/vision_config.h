#pragma once

// The numbers that describe a CLIP vision tower: `vision_config` of a config.json.

#include <cstddef>

#include "core/json_fields.h"
#include "tensor/activation.h"

namespace vlm {

// The defaults are those of CLIPVisionConfig.
struct VisionConfig {
  std::size_t hidden_size = 768;
  std::size_t intermediate_size = 3072;
  std::size_t num_layers = 12;
  std::size_t num_heads = 12;
  std::size_t image_size_px = 224;
  std::size_t patch_size_px = 32;
  std::size_t num_channels = 3;
  float layer_norm_epsilon = 1e-5F;
  Activation activation = quick_gelu;

  // Throws Error{kCorruptFile, kUnsupported}.
  static VisionConfig from_json(const JsonFields& json);

  [[nodiscard]] std::size_t num_patches() const noexcept {
    return (image_size_px / patch_size_px) * (image_size_px / patch_size_px);
  }
  // Patches and the class token in front of them.
  [[nodiscard]] std::size_t num_tokens() const noexcept { return num_patches() + 1; }
  // Values of a patch: channels * patch * patch.
  [[nodiscard]] std::size_t patch_values() const noexcept {
    return num_channels * patch_size_px * patch_size_px;
  }
  [[nodiscard]] std::size_t head_dim() const noexcept { return hidden_size / num_heads; }
};

// Which of the num_layers + 1 hidden states `layer` means: 0 is the embedding, i the output of
// block i, negative counts from the end (-2: before the last block).
// Throws Error{kInvalidArgument} if there is none.
std::size_t hidden_state_index(const VisionConfig& config, int layer);

}  // namespace vlm
