#pragma once

// Products with one block of 64 rows of a bfloat16 weight, compiled for several instruction
// sets; the processor's best is taken at run time. x stays float32, and sums are
// float32, in the order of the columns. Everything runs on the calling thread.

#include <cstdint>
#include <span>

#include "tensor/matrix_view.h"

namespace vlm {

// out = x * weight^T: x [m, k], block: [64, k] packed (tensor/packed_layout.h), out [m, n] with
// n <= 64.
void multiply_bfloat16_block(MatrixView<const float> x, std::span<const std::uint16_t> block,
                             MatrixView<float> out) noexcept;

}  // namespace vlm
