// Statistics of DELLA over 4000 draws against those of mergekit's own sparsifier.

#include <gmock/gmock.h>

#include "tests/merge/random_drops.h"

namespace vlm {
namespace {

std::vector<Input> golden_inputs() {
  return {{golden_draws("input", "ft_a"), {{"weight", 0.6}, {"density", 0.5}, {"epsilon", 0.1}}},
          {golden_draws("input", "ft_b"), {{"weight", 0.4}, {"density", 0.6}, {"epsilon", 0.2}}}};
}

TEST(Della, LinearHasMergekitsMean) {
  expect_same_mean(moments("della_linear", golden_draws("input", "base"), golden_inputs()),
                   golden_draws("della_linear", "mean"), golden_draws("della_linear", "std"));
}

TEST(Della, HasMergekitsMean) {
  expect_same_mean(
      moments("della", golden_draws("input", "base"), golden_inputs(), {{"lambda", 1.1}}),
      golden_draws("della", "mean"), golden_draws("della", "std"));
}

// The probability of rank r (0: the largest) of 32 is density + epsilon - 2 epsilon r / 31; so is
// mergekit's mean over its draws.
TEST(Della, KeepsTheLargerOfARowMoreOften) {
  struct Case {
    const char* file;
    double density;
    double epsilon;
  };
  const Floats base = golden_draws("input", "base");
  const Floats values = golden_draws("input", "ft_a");
  for (const Case& each :
       {Case{"della_magprune_05", 0.4, 0.15}, Case{"della_magprune_07", 0.7, 0.25}}) {
    const Input model{values,
                      {{"weight", 1}, {"density", each.density}, {"epsilon", each.epsilon}}};
    const std::vector<double> kept = keep_frequencies("della_linear", base, model);
    const Floats theirs = golden_draws(each.file, "keep_frequency");
    for (std::size_t i = 0; i < base.size(); ++i) {
      const std::size_t row = i / 32 * 32;
      const double magnitude = std::fabs(double{values[i]} - double{base[i]});
      double rank = 0;
      for (std::size_t j = row; j < row + 32; ++j) {
        rank += std::fabs(double{values[j]} - double{base[j]}) > magnitude ? 1 : 0;
      }
      const double wanted = each.density + each.epsilon - 2 * each.epsilon * rank / 31;
      const double error = std::sqrt(wanted * (1 - wanted) / kDraws);
      EXPECT_NEAR(kept[i], wanted, kErrors * error) << i;
      EXPECT_NEAR(kept[i], theirs[i], kErrors * error * std::sqrt(2.0)) << i;
    }
  }
}

TEST(Della, InverseRescaleIsUnbiasedForEachEntry) {
  // An entry d that stays with probability p becomes d / p: largest of two p = 0.75, other 0.25.
  const Floats merged = run("della_linear", Floats(200, 0),
                            {{[] {
                                Floats pairs;
                                for (int i = 0; i < 100; ++i) pairs.insert(pairs.end(), {3, 1});
                                return pairs;
                              }(),
                              {{"weight", 1}, {"density", 0.5}, {"epsilon", 0.25}}}},
                            {{"rescale", 2}}, {100, 2});
  std::size_t kept = 0;
  for (std::size_t i = 0; i < merged.size(); ++i) {
    EXPECT_TRUE(merged[i] == 0 || merged[i] == 4) << i;
    kept += merged[i] != 0 ? 1 : 0;
  }
  EXPECT_GT(kept, 0U);
}

TEST(Della, ARowOfOneIsKeptWithProbabilityDensity) {
  const Floats merged =
      run("della_linear", Floats(1000, 0), {{Floats(1000, 1), {{"weight", 1}, {"density", 0.5}}}},
          {{"rescale", 0}}, {1000, 1});
  const auto kept = static_cast<double>(std::count(merged.begin(), merged.end(), 1.0F));
  EXPECT_NEAR(kept / 1000, 0.5, kErrors * std::sqrt(0.25 / 1000));
}

// Their limits for 32 random bits would be 2^32.
TEST(Della, ProbabilitiesNextToOneKeepAll) {
  const double density = 1 - 0x1p-40;
  for (const double epsilon : {0.0, 0x1p-41}) {
    const Floats merged =
        run("della_linear", Floats(1000, 0),
            {{Floats(1000, 1), {{"weight", 1}, {"density", density}, {"epsilon", epsilon}}}},
            {{"rescale", 0}}, {10, 100});
    EXPECT_EQ(merged, Floats(1000, 1)) << epsilon;
  }
}

TEST(Della, ProbabilitiesOutsideOfZeroAndOneAreRefused) {
  const MergeMethod& method = find_merge_method("della", "test");
  const auto complaint = [&](double density, double epsilon) {
    const std::vector<Input> inputs{
        {{1}, {{"weight", 1}, {"density", density}, {"epsilon", epsilon}}}};
    return method.complaint(make_task(method, {0}, inputs, {}));
  };
  EXPECT_THAT(complaint(0.9, 0.15), testing::Optional(testing::HasSubstr("epsilon")));
  EXPECT_THAT(complaint(0.1, 0.15), testing::Optional(testing::HasSubstr("epsilon")));
  EXPECT_EQ(complaint(0.5, 0.15), std::nullopt);
  EXPECT_EQ(complaint(1, 0.15), std::nullopt);
}

}  // namespace
}  // namespace vlm
