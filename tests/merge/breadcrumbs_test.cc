#include <algorithm>
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/merge/run_method.h"

namespace vlm {
namespace {

class Breadcrumbs : public testing::TestWithParam<std::size_t> {};

TEST_P(Breadcrumbs, KeepsTheExactNumberBelowTheOutliers) {
  const std::size_t size = GetParam();
  const Floats base(size, 0);
  Floats values;  // magnitudes 1 ... n in mixed order, signs in turn
  for (std::size_t i = 0; i < size; ++i) {
    values.push_back(static_cast<float>((i * 7 % size + 1)) * (i % 2 == 0 ? 1.0F : -1.0F));
  }
  const auto count = static_cast<double>(size);
  for (const double density : {0.0, 0.3, 0.9, 1.0}) {
    for (const double gamma : {0.0, 0.1, 0.5}) {
      const Floats merged = run(
          "breadcrumbs", base, {{values, {{"weight", 1}, {"density", density}, {"gamma", gamma}}}});
      const auto kept = static_cast<std::size_t>(density * count);
      const std::size_t top = std::min(static_cast<std::size_t>(gamma * count), size - kept);
      for (std::size_t i = 0; i < size; ++i) {
        const auto magnitude = static_cast<std::size_t>(std::fabs(values[i]));
        const bool stays = magnitude <= size - top && magnitude > size - top - kept;
        EXPECT_EQ(merged[i], stays ? values[i] : 0) << density << ' ' << gamma << ' ' << i;
      }
    }
  }
}

// 7 has no factor in common with these sizes.
INSTANTIATE_TEST_SUITE_P(Sizes, Breadcrumbs, testing::Values(1, 64, 99, 5000));

TEST(Breadcrumbs, OfEqualMagnitudesTheLowestIndexIsTheOutlier) {
  EXPECT_EQ(run("breadcrumbs", {0, 0, 0, 0},
                {{{1, -1, 1, -1}, {{"weight", 1}, {"density", 0.5}, {"gamma", 0.25}}}}),
            (Floats{0, -1, 1, 0}));
}

}  // namespace
}  // namespace vlm
