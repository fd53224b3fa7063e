#pragma once

// Loops over bfloat16 numbers, compiled for several instruction sets; the processor's best is taken
// at run time.

#include <cstdint>
#include <span>

#include "tensor/matrix_view.h"

namespace vlm {

// Rounds to nearest, ties to even, as float_to_bf16(). REQUIRES: equal sizes.
void round_to_bfloat16(std::span<const float> values, std::span<std::uint16_t> out) noexcept;

// out = x * weight^T for one block of a packed weight (tensor/packed_layout.h): x [m, k] float32,
// block: [64, k] packed, out [m, n] with n <= 64. x is not rounded; sums are float32, in the order
// of the columns. Runs on the calling thread.
void multiply_packed_block(MatrixView<const float> x, std::span<const std::uint16_t> block,
                           MatrixView<float> out) noexcept;

}  // namespace vlm
