#pragma once

// Dense float32 products: with weights on our own kernels (tensor/float32_kernels.h), cut into
// tiles that threads share; others by OpenBLAS on the calling thread. A result is the same for any
// number of threads.

#include <span>

#include "core/thread_pool.h"
#include "tensor/matrix_view.h"

namespace vlm {

// out = x * weight^T: x [m, k], weight [n, k] (a checkpoint's [out, in] layout), out [m, n].
// out must not overlap the inputs. A row of out depends on its row of x and on the weight alone.
void multiply_transposed(MatrixView<const float> x, MatrixView<const float> weight,
                         MatrixView<float> out, ThreadPool& pool);

// out = x * y: x [m, k], y [k, n], out [m, n].
void multiply(MatrixView<const float> x, MatrixView<const float> y, MatrixView<float> out);

// out = scale * x * y^T: x [m, k], y [n, k], out [m, n].
void multiply_transposed_scaled(float scale, MatrixView<const float> x, MatrixView<const float> y,
                                MatrixView<float> out);

// Adds `bias` [n] to each row of x [m, n].
void add_bias(MatrixView<float> x, std::span<const float> bias) noexcept;

}  // namespace vlm
