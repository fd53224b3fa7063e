#pragma once

// The weights of a vision tower as views. Their owner (model/vision_storage.h) outlives them.

#include <span>
#include <vector>

#include "tensor/matrix_view.h"
#include "tensor/normalization.h"

namespace vlm {

struct VisionLinear {
  MatrixView<const float> weight;  // [out, in]
  std::span<const float> bias;     // [out]
};

struct VisionBlockWeights {
  LayerNormWeights norm_before_attention;  // hf: layer_norm1
  VisionLinear query_key_value;      // [3 * hidden, hidden]; hf: self_attn.{q,k,v}_proj, stacked
  VisionLinear output;               // [hidden, hidden]; hf: self_attn.out_proj
  LayerNormWeights norm_before_mlp;  // hf: layer_norm2
  VisionLinear up;                   // [intermediate, hidden]; hf: mlp.fc1
  VisionLinear down;                 // [hidden, intermediate]; hf: mlp.fc2
};

struct VisionWeights {
  std::span<const float> class_embedding;       // [hidden]; empty: SigLIP
  MatrixView<const float> patch_embedding;      // [hidden, channels * patch * patch]
  std::span<const float> patch_bias;            // [hidden]; empty: CLIP
  MatrixView<const float> position_embeddings;  // [tokens, hidden]
  LayerNormWeights norm_before_blocks;          // hf: pre_layrnorm; empty: SigLIP
  std::vector<VisionBlockWeights> blocks;
};

}  // namespace vlm
