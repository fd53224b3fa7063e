#include "tensor/int8_weight.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "tensor/matrix.h"
#include "tests/tensor/random_matrix.h"

namespace vlm {
namespace {

std::vector<float> read_row(const WeightMatrix& weight, std::size_t row) {
  std::vector<float> values(weight.cols());
  weight.read_row(row, values);
  return values;
}

// The bound of the header. Besides, scale, quotient and product are rounded to float32: a few
// 2^-24 of the largest magnitude.
TEST(Int8Weight, ElementsErrByAtMostHalfAStepOfTheirRow) {
  Matrix<float> values = random_matrix(130, 300, 1);
  for (std::size_t r = 0; r < values.rows(); ++r) {  // rows of very different size
    for (float& value : values.row(r)) value = std::ldexp(value, static_cast<int>(r) - 65);
  }
  Int8Weight weight(values.rows(), values.cols());
  weight.fill([&](std::span<float> out) { std::ranges::copy(values.values(), out.begin()); });
  for (std::size_t r = 0; r < values.rows(); ++r) {
    const std::vector<float> found = read_row(weight, r);
    double largest = 0.0;
    double error = 0.0;
    for (std::size_t c = 0; c < values.cols(); ++c) {
      largest = std::max(largest, std::abs(double{values.row(r)[c]}));
      error = std::max(error, std::abs(double{found[c]} - values.row(r)[c]));
    }
    EXPECT_LE(error, largest * (1.0 / 254.0 + 0x1p-22)) << r;
    EXPECT_GT(error, largest / 1000.0) << r;  // rounded it is
  }
}

TEST(Int8Weight, ARowThatIsNotFiniteBecomesNanAndItsNeighboursStay) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    Int8Weight weight(3, 2);
    weight.fill([&](std::span<float> out) {
      std::ranges::copy(std::vector<float>{127, 1, bad, 1, 127, 2}, out.begin());
    });
    ThreadPool pool(1);
    for (const std::size_t m : {1U, 20U}) {
      Matrix<float> x(m, 2);
      std::ranges::fill(x.values(), 1.0F);
      Matrix<float> out(m, 3);
      weight.multiply(x.view(), out.view(), pool);
      for (std::size_t r = 0; r < m; ++r) {
        EXPECT_FLOAT_EQ(out.row(r)[0], 128.0F);
        EXPECT_TRUE(std::isnan(out.row(r)[1]));
        EXPECT_FLOAT_EQ(out.row(r)[2], 129.0F);
      }
    }
    EXPECT_TRUE(std::isnan(read_row(weight, 1)[0]));
  }
}

TEST(Int8Weight, RowsOfNothingOrAlmostNothingAreZero) {
  Int8Weight weight(2, 2);
  weight.fill([](std::span<float> out) {
    std::ranges::copy(std::vector<float>{0.0F, -0.0F, 0x1p-126F, 0x1p-120F}, out.begin());
  });
  EXPECT_EQ(read_row(weight, 0), std::vector<float>(2, 0.0F));
  EXPECT_EQ(read_row(weight, 1), std::vector<float>(2, 0.0F));
}

}  // namespace
}  // namespace vlm
