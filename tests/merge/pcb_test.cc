#include <algorithm>
#include <cmath>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/merge/run_method.h"

namespace vlm {
namespace {

// 0 for the smallest, 1 for the largest.
std::vector<double> spread(std::vector<double> values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const double smallest = *low;
  const double range = *high - smallest;
  for (double& value : values) value = (value - smallest) / range;
  return values;
}

// The formulas of Du et al. with sorting and whole vectors, for scores that differ and enough of
// them above 0.
std::vector<double> plain(const Floats& base, const std::vector<Floats>& models, double density) {
  const std::size_t n = base.size();
  std::vector<std::vector<double>> deltas;
  std::vector<double> total(n);
  for (const Floats& model : models) {
    deltas.emplace_back(n);
    for (std::size_t k = 0; k < n; ++k) deltas.back()[k] = double{model[k]} - double{base[k]};
    for (std::size_t k = 0; k < n; ++k) total[k] += deltas.back()[k];
  }
  std::vector<double> sum(n);
  std::vector<double> divisor(n);
  for (const auto& delta : deltas) {
    std::vector<double> size(n);
    for (std::size_t k = 0; k < n; ++k) size[k] = std::abs(delta[k]);
    const std::vector<double> normed = spread(size);
    std::vector<double> score(n);
    for (std::size_t k = 0; k < n; ++k) {
      score[k] = std::exp(static_cast<double>(models.size()) * normed[k] * normed[k]) *
                 std::tanh(delta[k] * total[k]);
    }
    std::vector<double> sorted = score;
    std::sort(sorted.rbegin(), sorted.rend());
    const double cut = sorted[static_cast<std::size_t>(density * static_cast<double>(n)) - 1];
    for (double& each : score) each = std::max(each, cut);
    const std::vector<double> weights = spread(score);
    for (std::size_t k = 0; k < n; ++k) {
      sum[k] += weights[k] * delta[k];
      divisor[k] += weights[k];
    }
  }
  for (std::size_t k = 0; k < n; ++k) {
    sum[k] = double{base[k]} + (divisor[k] == 0 ? 0 : sum[k] / divisor[k]);
  }
  return sum;
}

class Pcb : public testing::TestWithParam<std::size_t> {
 protected:
  const Floats base_ = random_values(GetParam(), "base");
  const Floats a_ = random_values(GetParam(), "a");
  const Floats b_ = random_values(GetParam(), "b");
};

TEST_P(Pcb, ModelsThatAreTheBaseAndWeightsOfZeroGiveTheBase) {
  EXPECT_EQ(run("pcb", a_, {{a_, {}}, {a_, {}}}), a_);
  EXPECT_EQ(run("pcb", base_, {{a_, {{"weight", 0}}}, {b_, {{"weight", 0}}}}), base_);
  EXPECT_EQ(run("pcb", base_, {{a_, {{"density", 0}}}, {b_, {{"density", 0}}}}), base_);
  EXPECT_EQ(run("pcb", base_, {{a_, {}}, {b_, {}}}, {{"lambda", 0}}), base_);
}

// A model alone: every entry that is kept is the model's, every other the base's.
TEST_P(Pcb, OneModelGivesItsLargestEntries) {
  const Floats merged = run("pcb", base_, {{a_, {{"density", 0.5}}}});
  std::size_t kept = 0;
  for (std::size_t k = 0; k < merged.size(); ++k) {
    if (merged[k] == base_[k]) continue;
    ++kept;
    EXPECT_NEAR(merged[k], a_[k], 1e-6);
  }
  // Of the entries that are kept the smallest weighs nothing.
  const std::size_t wanted = GetParam() / 2;
  EXPECT_EQ(kept, wanted == 0 ? 0 : wanted - 1);
}

INSTANTIATE_TEST_SUITE_P(Sizes, Pcb, testing::Values(1, 64, 99));

TEST(PcbMerging, FollowsTheFormula) {
  for (const double density : {0.1, 0.3}) {
    const Floats base = random_values(500, "base");
    const std::vector<Floats> models{random_values(500, "a"), random_values(500, "b"),
                                     random_values(500, "c")};
    std::vector<Input> inputs;
    for (const Floats& model : models) inputs.push_back({model, {{"density", density}}});
    const Floats merged = run("pcb", base, inputs);
    const std::vector<double> wanted = plain(base, models, density);
    // Scores are stored as floats (2^-24 each); differences of nearly equal ones lose more.
    for (std::size_t k = 0; k < merged.size(); ++k) EXPECT_NEAR(merged[k], wanted[k], 1e-5) << k;
  }
}

TEST(PcbMerging, AnEntryThatTheOthersContradictLoses) {
  // Element 0: sum +2, so -1 scores below 0. Element 2: both agree, the larger one scores higher.
  const Floats merged =
      run("pcb", {0, 0, 0}, {{{3, 0, 1}, {{"density", 1}}}, {{-1, 0, 2}, {{"density", 1}}}});
  EXPECT_FLOAT_EQ(merged[0], 3);
  EXPECT_FLOAT_EQ(merged[1], 0);
  EXPECT_FLOAT_EQ(merged[2], 2);
}

}  // namespace
}  // namespace vlm
