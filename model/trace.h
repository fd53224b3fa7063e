#pragma once

// Every intermediate of one forward pass, for comparing with other implementations.

#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "core/thread_pool.h"
#include "language/decoder.h"
#include "language/token_id.h"
#include "model/model.h"
#include "tensor/matrix.h"

namespace vlm {

struct TraceRequest {
  ModelPrompt prompt;  // `images` is filled from `pictures`
  std::vector<PictureViews> pictures;
  LayerPath layer_path;                                                // empty: the model's own
  std::size_t memory_bytes = std::numeric_limits<std::size_t>::max();  // besides the model
};

struct TraceTensor {
  std::string name;
  std::vector<std::size_t> shape;
  Matrix<float> values;
};

struct Trace {
  std::vector<TokenId> input_ids;  // after image tokens are expanded
  // pixel_values, vision.hidden_{i}, projected, packed_features (tiled pictures), embeddings,
  // layer_{i}, final_norm, logits: what the model has of them, in the order of computing.
  std::vector<TraceTensor> tensors;
};

// Runs the prompt once, without a cache before it. Throws what Model::build_prompt() throws, and
// Error{kInvalidArgument} before the language model runs if all that takes more than memory_bytes.
Trace trace_forward(const Model& model, TraceRequest request, ThreadPool& pool);

}  // namespace vlm
