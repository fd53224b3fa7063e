#pragma once

// The numbers that describe a vision tower, CLIP's or SigLIP's: `vision_config` of a config.json.

#include <cstddef>
#include <cstdint>

#include "core/json_fields.h"
#include "tensor/activation.h"

namespace vlm {

enum class VisionFamily : std::uint8_t {
  kClip,   // Radford et al., ICML 2021: a class token, a norm before the blocks
  kSiglip  // Zhai et al., ICCV 2023: neither; patches have a bias
};

// The defaults are those of CLIPVisionConfig.
struct VisionConfig {
  VisionFamily family = VisionFamily::kClip;
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
  [[nodiscard]] bool has_class_token() const noexcept { return family == VisionFamily::kClip; }
  // Patches, and the class token in front of them.
  [[nodiscard]] std::size_t num_tokens() const noexcept {
    return num_patches() + (has_class_token() ? 1 : 0);
  }
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
