#pragma once

// LLaVA's bridge from image features to the language model's embeddings: linear, activation,
// linear (Liu et al. 2024, "Improved baselines with visual instruction tuning", section 3.2), or
// linear alone (Liu et al. 2023, "Visual instruction tuning", section 4.1).

#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/json_fields.h"
#include "core/thread_pool.h"
#include "tensor/activation.h"
#include "tensor/linear.h"
#include "tensor/matrix.h"

namespace vlm {

enum class FeatureSelection : std::uint8_t {
  kWithoutFirst,  // "default": without the first token, which in CLIP is the class token
  kAll            // "full"
};

// The top level of a LLaVA config.json.
struct ProjectorConfig {
  Activation activation = gelu;  // projector_hidden_act
  int vision_feature_layer = -2;
  FeatureSelection selection = FeatureSelection::kWithoutFirst;  // vision_feature_select_strategy
  bool is_linear = false;  // mm_projector_type, of original LLaVA: linear

  // Throws Error{kCorruptFile, kUnsupported}.
  static ProjectorConfig from_json(const JsonFields& json);
};

// Views; their owner (model/vision_storage.h) outlives them.
struct ProjectorWeights {
  LinearWeights linear_1;                 // [text_hidden, vision_hidden]
  std::optional<LinearWeights> linear_2;  // [text_hidden, text_hidden]; none if linear alone

  [[nodiscard]] std::size_t output_width() const { return linear_1.weight->rows(); }
};

// The tokens that LLaVA keeps of `hidden` [images * tokens_per_image, vision_hidden], image after
// image. REQUIRES: tokens_per_image divides the rows.
Matrix<float> select_features(MatrixView<const float> hidden, std::size_t tokens_per_image,
                              FeatureSelection selection);

// features [tokens, vision_hidden] -> [tokens, text_hidden].
Matrix<float> project(MatrixView<const float> features, const ProjectorWeights& weights,
                      Activation activation, ThreadPool& pool);

}  // namespace vlm
