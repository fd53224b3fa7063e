#pragma once

#include <cstddef>
#include <vector>

#include "tensor/matrix_view.h"

namespace vlm {

// A row-major matrix of doubles with its memory.
class DoubleMatrix {
 public:
  DoubleMatrix() = default;
  // Of zeros.
  DoubleMatrix(std::size_t rows, std::size_t cols)
      : values_(rows * cols), rows_(rows), cols_(cols) {}

  [[nodiscard]] std::size_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::size_t cols() const noexcept { return cols_; }
  [[nodiscard]] MatrixView<double> view() noexcept { return {values_.data(), rows_, cols_, cols_}; }
  [[nodiscard]] MatrixView<const double> view() const noexcept {
    return {values_.data(), rows_, cols_, cols_};
  }

 private:
  std::vector<double> values_;
  std::size_t rows_ = 0;
  std::size_t cols_ = 0;
};

}  // namespace vlm
