// Statistics of DARE over 4000 draws against those of mergekit's own sparsifier.

#include "tests/merge/random_drops.h"

namespace vlm {
namespace {

TEST(Dare, LinearHasMergekitsMean) {
  const std::vector<Input> models{
      {golden_draws("input", "ft_a"), {{"weight", 0.5}, {"density", 0.5}}},
      {golden_draws("input", "ft_b"), {{"weight", 0.8}, {"density", 0.3}}}};
  expect_same_mean(moments("dare_linear", golden_draws("input", "base"), models),
                   golden_draws("dare_linear", "mean"), golden_draws("dare_linear", "std"));
}

TEST(Dare, TiesHasMergekitsMean) {
  const std::vector<Input> models{
      {golden_draws("input", "ft_a"), {{"weight", 0.5}, {"density", 0.5}}},
      {golden_draws("input", "ft_b"), {{"weight", 0.8}, {"density", 0.7}}}};
  expect_same_mean(moments("dare_ties", golden_draws("input", "base"), models),
                   golden_draws("dare_ties", "mean"), golden_draws("dare_ties", "std"));
}

TEST(Dare, KeepsEachEntryWithProbabilityDensity) {
  const Floats base(512, 0);
  for (const double density : {0.3, 0.7}) {
    const Input ones{Floats(512, 1), {{"weight", 1}, {"density", density}}};
    const double error = std::sqrt(density * (1 - density) / kDraws);
    for (const double share : keep_frequencies("dare_linear", base, ones)) {
      EXPECT_NEAR(share, density, kErrors * error);
    }
  }
}

TEST(Dare, RescaleKeepsTheL1Norm) {
  const Floats base = golden_draws("input", "base");
  const Floats values = golden_draws("input", "ft_a");
  const Floats merged = draw("dare_linear", base, {{values, {{"weight", 1}, {"density", 0.3}}}}, 7);
  double full = 0;
  double kept = 0;
  for (std::size_t i = 0; i < base.size(); ++i) {
    full += std::fabs(double{values[i]} - double{base[i]});
    kept += std::fabs(double{merged[i]} - double{base[i]});
  }
  EXPECT_NEAR(kept / full, 1, 1e-5);
}

TEST(Dare, InverseRescaleDividesByTheDensity) {
  const Floats base(64, 0);
  const Floats threes(64, 3);
  const Floats merged = draw("dare_linear", base, {{threes, {{"weight", 1}, {"density", 0.75}}}}, 7,
                             {{"rescale", 2}});
  for (const float value : merged) EXPECT_TRUE(value == 0 || value == 4) << value;
  EXPECT_NE(std::count(merged.begin(), merged.end(), 4.0F), 0);
  EXPECT_NE(std::count(merged.begin(), merged.end(), 0.0F), 0);
}

TEST(Dare, MaskDependsOnSeedAndModel) {
  const Floats base(128, 0);
  const Floats ones(128, 1);
  const auto model = [&](double weight) {
    return Input{ones, {{"weight", weight}, {"density", 0.5}}};
  };
  EXPECT_EQ(draw("dare_linear", base, {model(1)}, 1), draw("dare_linear", base, {model(1)}, 1));
  EXPECT_NE(draw("dare_linear", base, {model(1)}, 1), draw("dare_linear", base, {model(1)}, 2));
  EXPECT_NE(draw("dare_linear", base, {model(1), model(0)}, 1),
            draw("dare_linear", base, {model(0), model(1)}, 1));
}

}  // namespace
}  // namespace vlm
