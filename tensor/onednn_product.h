#pragma once

// Products with packed bfloat16 weights on oneDNN, which has kernels for AVX512-BF16 and AMX.

#include <cstdint>
#include <span>

#include "core/thread_pool.h"
#include "tensor/matrix.h"
#include "tensor/matrix_view.h"

namespace vlm {

// Whether the processor multiplies bfloat16 itself. The environment variable ONEDNN_MAX_CPU_ISA can
// forbid it (AVX512_CORE, AVX2, ...).
bool has_bfloat16_products();

// x with each element rounded to bfloat16.
Matrix<std::uint16_t> bfloat16_rows(MatrixView<const float> x, ThreadPool& pool);

// out = x * weight^T, on the calling thread: x [m, k] bfloat16 with rows one after another;
// `blocks` a packed weight [n, k] (tensor/packed_layout.h); out [m, n]. Sums are float32.
// REQUIRES: has_bfloat16_products(), m > 0.
void multiply_bfloat16(MatrixView<const std::uint16_t> x, std::span<const std::uint16_t> blocks,
                       MatrixView<float> out);

}  // namespace vlm
