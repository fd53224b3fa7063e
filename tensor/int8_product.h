#pragma once

// Products of quantized activations with one block of 64 rows of an int8 weight, for processors
// with AVX512-VNNI, with AVX2, and others: sums of whole numbers over 128 columns at a time, exact,
// then float32 in the order of the columns. The result is the same on all of them.

#include <cstddef>
#include <cstdint>
#include <span>

#include "tensor/int8_layout.h"
#include "tensor/matrix_view.h"
#include "tensor/quantized_rows.h"

namespace vlm {

constexpr std::size_t kMostInt8ProductRows = 8;

// out = x * weight^T, where weight [n, k] is steps * scale of its row: x [m, k] with
// m <= kMostInt8ProductRows, block as Int8Layout says, scales [64], out [m, n] with n <= 64. Runs
// on the calling thread.
void multiply_int8_block(const QuantizedRows& x, std::span<const std::uint8_t> block,
                         std::span<const float> scales, MatrixView<float> out) noexcept;

}  // namespace vlm
