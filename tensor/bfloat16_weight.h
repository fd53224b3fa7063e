#pragma once

// Weights in bfloat16, packed for products: half the bytes of float32 to keep and to read, sums in
// float32. With AVX512-BF16 or AMX, products of many rows run on oneDNN, with x rounded to
// bfloat16; few rows, and other processors, take a loop that does not round x.

#include <cstddef>
#include <cstdint>
#include <span>

#include "tensor/block_tiling.h"
#include "tensor/matrix.h"
#include "tensor/packed_layout.h"
#include "tensor/weight_matrix.h"

namespace vlm {

class Bfloat16Weight final : public WeightMatrix {
 public:
  Bfloat16Weight(std::size_t rows, std::size_t cols)
      : WeightMatrix(rows, cols), layout_{rows, cols} {}

  // Rounds to nearest: exact for values of a bfloat16 checkpoint.
  void fill(const Reader& read) override;
  [[nodiscard]] std::size_t value_bytes() const noexcept override;
  [[nodiscard]] std::size_t fill_bytes() const noexcept override;
  void read_row(std::size_t row, std::span<float> out) const noexcept override;
  void multiply(MatrixView<const float> x, MatrixView<float> out, ThreadPool& pool) const override;

 private:
  PackedLayout layout_;
  Matrix<std::uint16_t> blocks_;  // [blocks, block size], empty before fill()
};

}  // namespace vlm
