#pragma once

// Activations as whole numbers, for products with int8 weights that stay exact until the last step.

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/thread_pool.h"
#include "tensor/matrix_view.h"

namespace vlm {

// 128 neighbouring columns of one row: x is about scale * q, where q = 128 * high + low. Columns
// past the last are 0.
struct QuantizedBlock {
  static constexpr std::size_t kColumns = 128;
  static constexpr int kDigitBase = 128;
  static constexpr int kMaxDigit = 63;  // of high and low, in magnitude
  static constexpr int kMaxStep = kMaxDigit * kDigitBase + kMaxDigit;

  std::array<std::int8_t, kColumns> high;
  std::array<std::int8_t, kColumns> low;
  float scale;       // the largest magnitude / kMaxStep; NaN if a value is not finite
  std::int32_t sum;  // of all q
};

// Error: an element is off by at most half a step, that is 1/16254 of the largest magnitude in its
// block (bfloat16: 1/512 of its own magnitude).
class QuantizedRows {
 public:
  QuantizedRows(MatrixView<const float> x, ThreadPool& pool);

  [[nodiscard]] std::size_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::size_t cols() const noexcept { return cols_; }
  // Blocks of one row.
  [[nodiscard]] std::size_t num_blocks() const noexcept { return num_blocks_; }
  [[nodiscard]] const QuantizedBlock& block(std::size_t row, std::size_t block) const noexcept {
    return blocks_[row * num_blocks_ + block];
  }

 private:
  std::size_t rows_;
  std::size_t cols_;
  std::size_t num_blocks_;
  std::vector<QuantizedBlock> blocks_;  // [rows, num_blocks]
};

}  // namespace vlm
