#pragma once

// The weights of a vision tower as views; matrices of the blocks in any format. Their owner
// (model/vision_storage.h) outlives them.

#include <span>
#include <vector>

#include "tensor/linear.h"
#include "tensor/matrix_view.h"
#include "tensor/normalization.h"

namespace vlm {

// Every linear layer has a bias.
struct VisionBlockWeights {
  LayerNormWeights norm_before_attention;  // hf: layer_norm1
  LinearWeights query_key_value;     // [3 * hidden, hidden]; hf: self_attn.{q,k,v}_proj, stacked
  LinearWeights output;              // [hidden, hidden]; hf: self_attn.out_proj
  LayerNormWeights norm_before_mlp;  // hf: layer_norm2
  LinearWeights up;                  // [intermediate, hidden]; hf: mlp.fc1
  LinearWeights down;                // [hidden, intermediate]; hf: mlp.fc2
};

struct VisionWeights {
  WeightFormat format = WeightFormat::kFloat32;  // of the blocks' matrices
  std::span<const float> class_embedding;        // [hidden]; empty: SigLIP
  MatrixView<const float> patch_embedding;       // [hidden, channels * patch * patch]
  std::span<const float> patch_bias;             // [hidden]; empty: CLIP
  MatrixView<const float> position_embeddings;   // [tokens, hidden]
  LayerNormWeights norm_before_blocks;           // hf: pre_layrnorm; empty: SigLIP
  std::vector<VisionBlockWeights> blocks;
};

}  // namespace vlm
