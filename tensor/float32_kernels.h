#pragma once

// x * weight^T in float32, for weights that are read where they lie ([out, in], as in checkpoints).
// Four neighbours of a weight row meet the same four columns of several rows of x in one vector, so
// only x is put into another order, and the weights are read once for 16 rows of x.
//
// Every output is (s0 + s2) + (s1 + s3), where s_i sums the products of the columns c = i (mod 4)
// from front to back: it depends neither on the other rows of x and weight nor on how many there
// are. Of the processor it depends only on whether that fuses multiplication and addition.

#include <cstddef>
#include <span>

#include "tensor/matrix_view.h"

namespace vlm {

constexpr std::size_t kPackedRows = 16;  // rows of x that are packed and multiplied together

// Floats of `rows` <= kPackedRows packed rows.
[[nodiscard]] std::size_t packed_rows_size(std::size_t rows, std::size_t cols) noexcept;

// Writes x [m, k] in the order that multiply_packed_rows() reads: four columns of every row, the
// next four, and so on; rows and columns filled up with zeros to whole fours. m <= kPackedRows.
void pack_rows(MatrixView<const float> x, std::span<float> packed) noexcept;

// out = x * weight^T on the calling thread: x [m, k] packed, weight [n, k], out [m, n].
// Chooses the processor's instructions at run time.
void multiply_packed_rows(std::span<const float> packed, MatrixView<const float> weight,
                          MatrixView<float> out);

// out += x * y on the calling thread: x [m, k], y [k, n], out [m, n]; each sum from front to back.
// For y that stays in the cache: it is read once for four rows of x.
void add_product(MatrixView<const float> x, MatrixView<const float> y,
                 MatrixView<float> out) noexcept;

}  // namespace vlm
