#pragma once

// Weights in int8: a step of -127 to 127 for each element, and one float32 scale for each row (an
// output of the layer), the row's largest magnitude / 127. A quarter of the bytes of float32 to
// keep and to read. A few rows of x become whole numbers of 14 bits (tensor/quantized_rows.h),
// whose products with the steps are summed exactly; more rows are multiplied by the steps as
// bfloat16, which holds them exactly (tensor/packed_product.h). Sums are float32.
//
// Error: an element is off by at most half a step, that is 1/254 of its row's largest magnitude.

#include <cstddef>
#include <cstdint>
#include <span>

#include "tensor/block_tiling.h"
#include "tensor/matrix.h"
#include "tensor/packed_layout.h"
#include "tensor/packed_product.h"
#include "tensor/quantized_rows.h"
#include "tensor/weight_matrix.h"

namespace vlm {

class Int8Weight final : public WeightMatrix {
 public:
  Int8Weight(std::size_t rows, std::size_t cols) : WeightMatrix(rows, cols), layout_{rows, cols} {}

  // A row with a value that is not finite becomes NaN, one whose largest magnitude is below
  // 127 * 2^-126 becomes zero.
  void fill(const Reader& read) override;
  [[nodiscard]] std::size_t value_bytes() const noexcept override;
  [[nodiscard]] std::size_t fill_bytes() const noexcept override;
  void read_row(std::size_t row, std::span<float> out) const noexcept override;
  void multiply(MatrixView<const float> x, MatrixView<float> out, ThreadPool& pool) const override;

 private:
  void multiply_steps(const QuantizedRows& x, const BlockTile& tile, MatrixView<float> out) const;
  void multiply_widened(const PackedProduct& product, const BlockTile& tile,
                        MatrixView<float> out) const;
  void fill_block(std::span<const float> values, std::size_t block) noexcept;

  PackedLayout layout_;  // of the same weight in bfloat16
  Matrix<std::uint8_t>
      blocks_;            // [blocks, block size], see tensor/int8_layout.h; empty before fill()
  Matrix<float> scales_;  // [blocks, 64]
};

}  // namespace vlm
