#include "merge/kernels/competition.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "tests/merge/run_method.h"
#include "tests/tensor/instruction_sets.h"

namespace vlm {
namespace {

constexpr std::size_t kModels = 3;

// With the functions of the standard library.
double plain_score(double delta, double total, const MagnitudeRange& range) {
  const double spread = (std::fabs(delta) - double{range.smallest}) /
                        (double{range.largest} - double{range.smallest});
  const double score =
      std::exp(static_cast<double>(kModels) * spread * spread) * std::tanh(delta * total);
  return score <= 0 ? 0 : score;
}

TEST(CompetitionScores, EqualThePlainFormula) {
  Floats delta = random_values(500, "delta");
  Floats total = random_values(500, "total");
  for (std::size_t i = 0; i < 500; ++i) {  // products from 1e-14 to 100
    const float size = std::pow(10.0F, 1 - static_cast<float>(i % 9));
    delta[i] *= size;
    total[i] *= size;
  }
  delta[7] = 0;
  const MagnitudeRange range = magnitude_range(delta);
  Floats first;
  for_each_instruction_set([&] {
    Floats scores(500);
    competition_scores(delta, total, kModels, range, scores);
    if (first.empty()) first = scores;
    EXPECT_EQ(scores, first);
    for (std::size_t i = 0; i < scores.size(); ++i) {
      const double wanted = plain_score(double{delta[i]}, double{total[i]}, range);
      EXPECT_NEAR(double{scores[i]}, wanted, 1.2e-7 * wanted) << i;
    }
  });
}

TEST(CompetitionScores, NotANumberStays) {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  Floats scores(2);
  competition_scores(Floats{kNaN, 1}, Floats{kNaN, 1}, kModels, {0, 1, 1}, scores);
  EXPECT_TRUE(std::isnan(scores[0]));
  EXPECT_FALSE(std::isnan(scores[1]));
}

TEST(MagnitudeRange, PassesOverNaN) {
  const MagnitudeRange range =
      magnitude_range(Floats{-3, 0, 2, std::numeric_limits<float>::quiet_NaN()});
  EXPECT_EQ(range.smallest, 0);
  EXPECT_EQ(range.smallest_above_zero, 2);
  EXPECT_EQ(range.largest, 3);
}

}  // namespace
}  // namespace vlm
