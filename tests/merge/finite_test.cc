#include "merge/kernels/finite.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace vlm {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST(FindNonFinite, TellsTheFirstPlaceWhereverItStands) {
  for (const std::size_t size : {1U, 7U, 2048U, 2049U, 5000U}) {
    for (const std::size_t place : {std::size_t{0}, size / 2, size - 1}) {
      for (const float bad : {kNan, -kNan, kInfinity, -kInfinity}) {
        std::vector<float> x(size, 1.0F);
        EXPECT_EQ(find_non_finite(x), std::nullopt);
        x[place] = bad;
        x.back() = bad;
        EXPECT_EQ(find_non_finite(x), place) << size;
      }
    }
  }
}

TEST(FindNonFinite, LargestAndSmallestNumbersAreFinite) {
  const std::vector<float> x{std::numeric_limits<float>::max(),
                             std::numeric_limits<float>::lowest(),
                             std::numeric_limits<float>::denorm_min(), -0.0F};
  EXPECT_EQ(find_non_finite(x), std::nullopt);
  EXPECT_EQ(find_non_finite({}), std::nullopt);
}

}  // namespace
}  // namespace vlm
