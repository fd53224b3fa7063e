#pragma once

// A linear layer, its weight in any format.

#include <span>

#include "core/thread_pool.h"
#include "tensor/matrix_view.h"
#include "tensor/weight_matrix.h"

namespace vlm {

// Views; their owner must outlive them.
struct LinearWeights {
  const WeightMatrix* weight = nullptr;  // [out, in]
  std::span<const float> bias;           // [out], or empty: none
};

// Whether the shapes are those; `biased` says whether there is a bias.
bool has_shape(const LinearWeights& linear, std::size_t out, std::size_t in, bool biased) noexcept;

// out = x * weight^T + bias: x [m, in], out [m, out]; out must not overlap x.
void apply_linear(MatrixView<const float> x, const LinearWeights& linear, MatrixView<float> out,
                  ThreadPool& pool);

}  // namespace vlm
