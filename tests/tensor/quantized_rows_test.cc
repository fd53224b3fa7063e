#include "tensor/quantized_rows.h"

#include <cmath>
#include <cstddef>
#include <limits>

#include <gtest/gtest.h>

#include "tensor/matrix.h"
#include "tests/tensor/instruction_sets.h"
#include "tests/tensor/random_matrix.h"

namespace vlm {
namespace {

int step(const QuantizedBlock& block, std::size_t column) {
  return QuantizedBlock::kDigitBase * block.high[column] + block.low[column];
}

// The bound of the header; scale and quotient are rounded to float32 besides.
TEST(QuantizedRows, ElementsErrByAtMostHalfAStepOfTheirBlock) {
  for_each_instruction_set([] {
    Matrix<float> x = random_matrix(3, 300, 1);
    for (float& value : x.row(1)) value = std::ldexp(value, 60);
    x.row(2)[5] = 1e4F;  // makes the steps of its block coarse, and no others
    ThreadPool pool(2);
    const QuantizedRows quantized(x.view(), pool);
    ASSERT_EQ(quantized.num_blocks(), 3U);
    for (std::size_t r = 0; r < x.rows(); ++r) {
      for (std::size_t b = 0; b < 3; ++b) {
        const QuantizedBlock& block = quantized.block(r, b);
        const std::size_t first = b * QuantizedBlock::kColumns;
        double largest = 0.0;
        int sum = 0;
        for (std::size_t c = first; c < std::min(first + QuantizedBlock::kColumns, x.cols()); ++c) {
          largest = std::max(largest, std::abs(double{x.row(r)[c]}));
        }
        for (std::size_t i = 0; i < QuantizedBlock::kColumns; ++i) {
          const double value = first + i < x.cols() ? double{x.row(r)[first + i]} : 0.0;
          EXPECT_LE(std::abs(block.high[i]), QuantizedBlock::kMaxDigit + 1);
          EXPECT_LE(std::abs(block.low[i]), QuantizedBlock::kMaxDigit + 1);
          EXPECT_NEAR(block.scale * static_cast<double>(step(block, i)), value,
                      largest * (1.0 / 16254.0 + 0x1p-22));
          sum += step(block, i);
        }
        EXPECT_EQ(block.sum, sum);
      }
    }
  });
}

TEST(QuantizedRows, TheLargestOfBothSignsFitIntoTheDigits) {
  Matrix<float> x(1, 2);
  x.row(0)[0] = 3.3F;
  x.row(0)[1] = -3.3F;
  ThreadPool pool(1);
  const QuantizedBlock block = QuantizedRows(x.view(), pool).block(0, 0);
  EXPECT_EQ(step(block, 0), QuantizedBlock::kMaxStep);
  EXPECT_EQ(step(block, 1), -QuantizedBlock::kMaxStep);
}

TEST(QuantizedRows, WhatIsNotFiniteMakesItsBlockNanAndNothingElse) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Matrix<float> x = random_matrix(2, 200, 3);
    x.row(0)[130] = bad;
    ThreadPool pool(1);
    const QuantizedRows quantized(x.view(), pool);
    EXPECT_FALSE(std::isnan(quantized.block(0, 0).scale));
    EXPECT_TRUE(std::isnan(quantized.block(0, 1).scale));
    EXPECT_FALSE(std::isnan(quantized.block(1, 1).scale));
  }
}

TEST(QuantizedRows, BlocksOfNothingOrAlmostNothingAreZero) {
  Matrix<float> x(2, 2);
  x.row(1)[0] = std::numeric_limits<float>::denorm_min();
  ThreadPool pool(1);
  const QuantizedRows quantized(x.view(), pool);
  for (std::size_t r = 0; r < 2; ++r) {
    EXPECT_EQ(quantized.block(r, 0).scale, 0.0F);
    EXPECT_EQ(step(quantized.block(r, 0), 0), 0);
  }
}

}  // namespace
}  // namespace vlm
