#include "tensor/exponential.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "tests/tensor/instruction_sets.h"

namespace vlm {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST(Exponentials, AreWithinTwoUnitsInTheLastPlace) {
  std::vector<float> x;
  for (double value = -87.2; value < 88.0; value += 0.00731) x.push_back(static_cast<float>(value));
  for_each_instruction_set([&] {
    std::vector<float> result = x;
    exponentials(result);
    double worst = 0.0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double exact = std::exp(double{x[i]});
      worst = std::max(worst, std::abs(double{result[i]} - exact) / exact);
    }
    EXPECT_LT(worst, 2.0 * 0x1p-23);
  });
}

TEST(Exponentials, EndsOfTheRange) {
  for_each_instruction_set([&] {
    std::vector<float> x{-kInfinity, -1000.0F, -88.0F, 0.0F, 89.0F, kInfinity, NAN};
    exponentials(x);
    EXPECT_EQ(x[0], 0.0F);
    EXPECT_EQ(x[1], 0.0F);
    EXPECT_EQ(x[2], 0.0F);
    EXPECT_EQ(x[3], 1.0F);
    EXPECT_EQ(x[4], kInfinity);
    EXPECT_EQ(x[5], kInfinity);
    EXPECT_TRUE(std::isnan(x[6]));
  });
}

TEST(Exponentials, EveryLengthAndShift) {
  for_each_instruction_set([] {
    for (std::size_t size = 0; size < 40; ++size) {
      std::vector<float> x(size, 1.0F);
      exponentials(x, -1.0F);
      EXPECT_EQ(x, std::vector<float>(size, 1.0F));
      EXPECT_EQ(sum_of_exponentials(std::vector<float>(size, 3.0F), -3.0F), double(size));
    }
  });
}

TEST(MultiplyBySigmoid, EqualsTheFormula) {
  for (const float slope : {1.0F, 1.702F}) {
    std::vector<float> x;
    for (int i = -40; i <= 41; ++i) x.push_back(0.37F * static_cast<float>(i));
    std::vector<float> result = x;
    multiply_by_sigmoid(result, slope);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double value = double{x[i]};
      EXPECT_NEAR(result[i], value / (1.0 + std::exp(-double{slope} * value)), 2e-6);
    }
  }
}

TEST(Exponentials, TheirSumIsThatOfTheResults) {
  for_each_instruction_set([&] {
    for (const std::size_t count : {0U, 1U, 15U, 16U, 17U, 100U}) {
      std::vector<float> x(count);
      for (std::size_t i = 0; i < count; ++i) x[i] = -0.1F * static_cast<float>(i);
      std::vector<float> expected = x;
      exponentials(expected, 0.5F);
      double sum = 0.0;
      for (const float value : expected) sum += double{value};
      EXPECT_NEAR(exponentials_and_sum(x, 0.5F), sum, 1e-6 * sum);
      EXPECT_EQ(x, expected);
    }
  });
}

}  // namespace
}  // namespace vlm
