#pragma once

// Views of a decoder's weights; matrices in any format. Those with the same input stand one below
// the other: one product asks for less waiting and for one rounding of its input. The owner
// (model/decoder_storage.h) must outlive them.

#include <span>
#include <vector>

#include "tensor/linear.h"
#include "tensor/weight_matrix.h"

namespace vlm {

struct DecoderLayerWeights {
  std::span<const float> input_norm;  // [hidden], hf: input_layernorm
  LinearWeights query_key_value;   // [(heads + 2 * kv_heads) * head_dim, hidden], hf: {q,k,v}_proj
  LinearWeights attention_output;  // [hidden, heads * head_dim], hf: o_proj
  std::span<const float> post_attention_norm;  // [hidden], hf: post_attention_layernorm
  LinearWeights gate_up;                       // [2 * intermediate, hidden], hf: {gate,up}_proj
  LinearWeights down;                          // [hidden, intermediate]
};

struct DecoderWeights {
  const WeightMatrix* embeddings = nullptr;  // [vocab, hidden], hf: embed_tokens
  std::vector<DecoderLayerWeights> layers;
  std::span<const float> final_norm;   // [hidden], hf: norm
  const WeightMatrix* head = nullptr;  // [vocab, hidden], hf: lm_head; tied: the embeddings
};

}  // namespace vlm
