#pragma once

// Row-wise normalisations of activations. Sums are accumulated in double.

#include <span>

#include "tensor/matrix_view.h"

namespace vlm {

// out = x / sqrt(mean(x^2) + epsilon) * weight, per row. Zhang & Sennrich, NeurIPS 2019, eq. 4.
// x and out [rows, n], weight [n]. out may be x.
void rms_norm(MatrixView<const float> x, std::span<const float> weight, float epsilon,
              MatrixView<float> out) noexcept;

struct LayerNormWeights {
  std::span<const float> scale;  // [n]
  std::span<const float> bias;   // [n]
};

// out = (x - mean) / sqrt(variance + epsilon) * scale + bias, per row, population variance.
// Ba et al. 2016, eq. 4. x and out [rows, n]. out may be x.
void layer_norm(MatrixView<const float> x, const LayerNormWeights& weights, float epsilon,
                MatrixView<float> out) noexcept;

// exp(x - max) / sum, in place, over `row`. A row whose entries are all -infinity becomes 0.
void softmax(std::span<float> row) noexcept;

// log(sum(exp(x))), without overflow. -infinity if all entries are, or if there are none.
double log_sum_exp(std::span<const float> x) noexcept;

}  // namespace vlm
