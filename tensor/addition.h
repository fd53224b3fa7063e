#pragma once

// Sums of matrices, whose rows threads share.

#include "core/thread_pool.h"
#include "tensor/matrix_view.h"

namespace vlm {

// sum += factor * term, [rows, n] each; every product is rounded first.
void add_scaled(MatrixView<float> sum, float factor, MatrixView<const float> term,
                ThreadPool& pool);

}  // namespace vlm
