#pragma once

// The reference format: plain float32, multiplied where it lies (tensor/gemm.h).

#include <cstddef>
#include <span>

#include "tensor/matrix.h"
#include "tensor/weight_matrix.h"

namespace vlm {

class Float32Weight final : public WeightMatrix {
 public:
  Float32Weight(std::size_t rows, std::size_t cols) : WeightMatrix(rows, cols) {}

  void fill(const Reader& read) override;
  [[nodiscard]] std::size_t value_bytes() const noexcept override;
  [[nodiscard]] std::size_t fill_bytes() const noexcept override { return 0; }
  void read_row(std::size_t row, std::span<float> out) const noexcept override;
  void multiply(MatrixView<const float> x, MatrixView<float> out, ThreadPool& pool) const override;

 private:
  Matrix<float> values_;  // empty before fill()
};

}  // namespace vlm
