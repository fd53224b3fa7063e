#pragma once

// Attention of one head without a mask on the bfloat16 products of the processor: the way of vision
// towers with weights in bfloat16. tensor/attention.h is the float32 one.

#include <cstddef>

#include "tensor/matrix_view.h"
#include "tensor/onednn_product.h"

namespace vlm {

// Its products are prepared once, for sequences of one length.
class Bfloat16Attention {
 public:
  // REQUIRES: has_bfloat16_products(); num_tokens, head_dim > 0.
  Bfloat16Attention(std::size_t num_tokens, std::size_t head_dim);

  // out = softmax(queries * keys^T / sqrt(head_dim)) * values, all [num_tokens, head_dim]. Queries
  // (scaled), keys, values and exp(score - largest score of the row) are rounded to bfloat16; sums
  // and everything else are float32. Runs on the calling thread; several may call it at once.
  // REQUIRES: out overlaps no input.
  void attend(MatrixView<const float> queries, MatrixView<const float> keys,
              MatrixView<const float> values, MatrixView<float> out) const;

 private:
  std::size_t num_tokens_;
  std::size_t tile_queries_;  // at a time; the last tile repeats some of the one before
  Bfloat16Product scores_;    // [tile, head_dim] * keys^T
  Bfloat16Product contexts_;  // [tile, num_tokens] * values
};

}  // namespace vlm
