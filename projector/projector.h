#pragma once

// LLaVA's bridge from image features to the language model's embeddings: linear, activation,
// linear. Liu et al. 2024, "Improved baselines with visual instruction tuning", section 3.2.

#include <cstddef>
#include <cstdint>

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

  // Throws Error{kCorruptFile, kUnsupported}.
  static ProjectorConfig from_json(const JsonFields& json);
};

// Views; their owner (model/vision_storage.h) outlives them.
struct ProjectorWeights {
  LinearWeights linear_1;  // [text_hidden, vision_hidden]
  LinearWeights linear_2;  // [text_hidden, text_hidden]
};

// The tokens that LLaVA keeps of `hidden` [images * tokens_per_image, vision_hidden], image after
// image. REQUIRES: tokens_per_image divides the rows.
Matrix<float> select_features(MatrixView<const float> hidden, std::size_t tokens_per_image,
                              FeatureSelection selection);

// features [tokens, vision_hidden] -> [tokens, text_hidden].
Matrix<float> project(MatrixView<const float> features, const ProjectorWeights& weights,
                      Activation activation, ThreadPool& pool);

}  // namespace vlm
