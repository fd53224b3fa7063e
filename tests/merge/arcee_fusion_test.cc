#include <algorithm>
#include <cmath>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/merge/run_method.h"

namespace vlm {
namespace {

class ArceeFusion : public testing::TestWithParam<std::size_t> {};

TEST_P(ArceeFusion, OfEqualModelsIsThatModel) {
  const Floats a = random_values(GetParam(), "a");
  EXPECT_EQ(run("arcee_fusion", a, {{a, {}}}), a);
}

TEST_P(ArceeFusion, EachEntryIsOneOfTheModels) {
  const Floats base = random_values(GetParam(), "base");
  const Floats a = random_values(GetParam(), "a");
  const Floats merged = run("arcee_fusion", base, {{a, {}}});
  for (std::size_t i = 0; i < merged.size(); ++i) {
    EXPECT_TRUE(merged[i] == a[i] || merged[i] == base[i]) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, ArceeFusion, testing::Values(1, 64, 99));

TEST(ArceeFusion, TakesOverWhatStandsOut) {
  // One row, so importance goes by the difference alone.
  const Floats base{0, 0, 0, 0, 0, 0, 0, 0};
  const Floats a{1, 0, 0, 0, 0, 0, 0, 9};
  EXPECT_EQ(run("arcee_fusion", base, {{a, {}}}), a) << "threshold 0";
  const Floats spread{0.25F, 0.5F, 0.75F, 1, 1.25F, 1.5F, 1.75F, 9};
  EXPECT_EQ(run("arcee_fusion", base, {{spread, {}}}), (Floats{0, 0, 0, 0, 0, 0, 0, 9}));
}

// The formula, on as many elements as are searched by a sample.
TEST(ArceeFusion, OfAMatrixGoesByTheDivergenceOfEachRow) {
  constexpr std::size_t kRows = 300;
  constexpr std::size_t kColumns = 1000;
  const Floats base = random_values(kRows * kColumns, "base");
  const Floats a = random_values(kRows * kColumns, "a");
  Floats importance;
  for (std::size_t first = 0; first < base.size(); first += kColumns) {
    const auto softmax = [&](const Floats& values) {
      std::vector<double> p;
      for (std::size_t i = first; i < first + kColumns; ++i) p.push_back(std::exp(values[i]));
      const double sum = std::accumulate(p.begin(), p.end(), 0.0);
      for (double& each : p) each = each / sum + 1e-8;
      return p;
    };
    const std::vector<double> p = softmax(a);
    const std::vector<double> q = softmax(base);
    double divergence = 0;
    for (std::size_t i = 0; i < kColumns; ++i) divergence += p[i] * std::log(p[i] / q[i]);
    for (std::size_t i = first; i < first + kColumns; ++i) {
      importance.push_back(static_cast<float>(std::fabs(double{a[i]} - base[i]) * divergence));
    }
  }
  Floats sorted = importance;
  std::ranges::sort(sorted);
  const auto quantile = [&](double share) {
    return double{sorted[static_cast<std::size_t>(share * double(sorted.size() - 1))]};
  };
  const double threshold = quantile(0.5) + 1.5 * (quantile(0.75) - quantile(0.25));
  const Floats merged = run("arcee_fusion", base, {{a, {}}}, {}, {kRows, kColumns});
  std::size_t taken = 0;
  for (std::size_t i = 0; i < merged.size(); ++i) {
    // Sums of exponentials differ in their last bits.
    if (std::fabs(importance[i] - threshold) < 1e-6 * threshold) continue;
    EXPECT_EQ(merged[i], importance[i] < threshold ? base[i] : a[i]) << i;
    taken += importance[i] < threshold ? 0 : 1;
  }
  EXPECT_GT(taken, 1000U);
}

}  // namespace
}  // namespace vlm
