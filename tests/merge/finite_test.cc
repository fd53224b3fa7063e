#include "merge/kernels/finite.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "tests/tensor/instruction_sets.h"

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

TEST(HasNonFinite, SeesEachStoredInfinityAndNanAndNothingElse) {
  for_each_instruction_set([] {
    for (const std::size_t size : {1U, 31U, 32U, 100U, 2100U}) {
      for (std::uint32_t bits = 0; bits < 0x10000U; bits += size == 1 ? 1 : 77) {
        std::vector<Bfloat16> x(size, Bfloat16{0x7F7F});  // the largest number
        x[bits % size] = Bfloat16{static_cast<std::uint16_t>(bits)};
        EXPECT_EQ(has_non_finite(x), !std::isfinite(to_float(x[bits % size]))) << bits;
      }
    }
    EXPECT_FALSE(has_non_finite({}));
  });
}

}  // namespace
}  // namespace vlm
