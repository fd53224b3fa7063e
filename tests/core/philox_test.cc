#include "core/philox.h"

#include <cmath>
#include <cstdint>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vlm {
namespace {

using ::testing::ElementsAre;

// Known-answer vectors of the authors' Random123 library (kat_vectors, philox4x32 10).
TEST(Philox, KnownAnswers) {
  constexpr std::uint64_t kOnes = ~std::uint64_t{0};
  EXPECT_THAT(philox_block(0, 0, 0),
              ElementsAre(0x6627e8d5U, 0xe169c58dU, 0xbc57ac4cU, 0x9b00dbd8U));
  EXPECT_THAT(philox_block(kOnes, kOnes, kOnes),
              ElementsAre(0x408f276dU, 0x41c83b0eU, 0xa20bc7c6U, 0x6d5451fdU));
}

TEST(Philox, KeysDifferByPurposeAndSeed) {
  EXPECT_NE(philox_key(1, "dare"), philox_key(1, "della"));
  EXPECT_NE(philox_key(1, "dare"), philox_key(2, "dare"));
  EXPECT_EQ(philox_key(1, "dare"), philox_key(1, "dare"));
}

TEST(Philox, UnitIntervalIsHalfOpen) {
  EXPECT_EQ(unit_interval(0), 0.0);
  EXPECT_LT(unit_interval(0xFFFFFFFFU), 1.0);
}

TEST(RandomStream, ContinuesFromItsCounter) {
  RandomStream stream(7, 3);
  for (int i = 0; i < 5; ++i) stream.normal();
  RandomStream resumed(7, 3, stream.counter());
  EXPECT_EQ(stream.uniform(), resumed.uniform());
  EXPECT_EQ(stream.normal(), resumed.normal());
}

TEST(RandomStream, NormalHasMeanZeroAndVarianceOne) {
  constexpr int kDraws = 40000;
  RandomStream stream(11, 0);
  double sum = 0.0;
  double sum_of_squares = 0.0;
  for (int i = 0; i < kDraws; ++i) {
    const double value = stream.normal();
    sum += value;
    sum_of_squares += value * value;
  }
  EXPECT_NEAR(sum / kDraws, 0.0, 5.0 / std::sqrt(kDraws));
  EXPECT_NEAR(sum_of_squares / kDraws, 1.0, 5.0 * std::sqrt(2.0 / kDraws));
}

TEST(RandomStream, BelowReachesEveryValueEvenly) {
  constexpr int kDraws = 30000;
  RandomStream stream(5, 9);
  std::vector<int> counts(3);
  for (int i = 0; i < kDraws; ++i) ++counts[stream.below(3)];
  for (const int count : counts) EXPECT_NEAR(count, kDraws / 3, 5 * std::sqrt(kDraws * 2.0 / 9.0));
  EXPECT_EQ(stream.below(1), 0U);
}

}  // namespace
}  // namespace vlm
