#include "tensor/maximum.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace vlm {
namespace {

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

TEST(IndexOfLargest, FindsItAtEveryPlaceOfEveryLength) {
  for (std::size_t size = 1; size < 50; ++size) {
    for (std::size_t place = 0; place < size; ++place) {
      std::vector<float> x(size, -3.0F);
      x[place] = -1.0F;
      ASSERT_EQ(largest(x), -1.0F);
      ASSERT_EQ(index_of_largest(x), place) << "of " << size;
    }
  }
}

TEST(IndexOfLargest, OfEqualOnesTakesTheFirst) {
  std::vector<float> x(40, 0.0F);
  x[37] = x[20] = x[5] = 2.0F;
  EXPECT_EQ(index_of_largest(x), 5U);
}

TEST(IndexOfLargest, AllForbiddenIsTheFirst) {
  EXPECT_EQ(index_of_largest(std::vector<float>(20, kMinusInfinity)), 0U);
}

TEST(Largest, PassesOverNan) {
  std::vector<float> x(20, NAN);
  x[18] = -7.0F;
  EXPECT_EQ(largest(x), -7.0F);
  EXPECT_EQ(index_of_largest(x), 18U);
}

TEST(Largest, OfNothingButNanIsNan) {
  const std::vector<float> x(20, NAN);
  EXPECT_TRUE(std::isnan(largest(x)));
  EXPECT_EQ(index_of_largest(x), x.size());
}

TEST(Largest, OfNothingIsMinusInfinity) {
  EXPECT_EQ(largest({}), kMinusInfinity);
  EXPECT_EQ(index_of_largest({}), 0U);
}

TEST(HasNan, FindsItAtEveryPlace) {
  for (std::size_t place = 0; place < 40; ++place) {
    std::vector<float> x(40, kMinusInfinity);
    EXPECT_FALSE(has_nan(x));
    x[place] = -NAN;
    EXPECT_TRUE(has_nan(x)) << place;
  }
  EXPECT_FALSE(has_nan({}));
}

}  // namespace
}  // namespace vlm
