#include "eval/compare.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/philox.h"
#include "tests/error_message.h"
#include "tests/eval/example_result.h"

namespace vlm {
namespace {

using testing::HasSubstr;

PairedDifference bootstrap(const std::vector<PairedScores>& groups,
                           const BootstrapOptions& options = {}) {
  return paired_bootstrap(groups, options);
}

TEST(PairedBootstrap, EqualScoresAreATie) {
  const auto result = bootstrap({{{0.2, 0.8, 1.0}, {0.2, 0.8, 1.0}}});
  EXPECT_EQ(result.difference, 0.0);
  EXPECT_EQ(result.low, 0.0);
  EXPECT_EQ(result.high, 0.0);
  EXPECT_EQ(result.p_better, 0.5);
  EXPECT_EQ(result.num_items, 3U);
}

TEST(PairedBootstrap, ConstantGainHasNoSpread) {
  const auto result = bootstrap({{{0.0, 0.5, 0.25}, {0.5, 1.0, 0.75}}});
  EXPECT_EQ(result.difference, 0.5);
  EXPECT_EQ(result.low, 0.5);
  EXPECT_EQ(result.high, 0.5);
  EXPECT_EQ(result.p_better, 1.0);
}

TEST(PairedBootstrap, SameSeedSameResult) {
  const std::vector<PairedScores> groups{{{0.0, 1.0, 0.0, 1.0}, {1.0, 1.0, 0.0, 0.0}}};
  const auto first = bootstrap(groups, {.seed = 1});
  const auto again = bootstrap(groups, {.seed = 1});
  EXPECT_EQ(first.low, again.low);
  EXPECT_EQ(first.high, again.high);
  EXPECT_EQ(first.p_better, again.p_better);
}

PairedScores normal_scores(std::size_t count, double gain, std::uint64_t stream) {
  RandomStream random(7, stream);
  PairedScores scores;
  for (std::size_t i = 0; i < count; ++i) {
    const double base = random.normal();
    scores.baseline.push_back(base);
    scores.candidate.push_back(base + gain + random.normal());
  }
  return scores;
}

// For differences of variance s^2 over n items the interval is mean +- 1.96 s / sqrt(n).
TEST(PairedBootstrap, IntervalIsNearTheNormalOne) {
  const PairedScores scores = normal_scores(400, 0.1, 0);
  const auto result = bootstrap({scores}, {.num_resamples = 20'000});
  double variance = 0.0;
  for (std::size_t i = 0; i < 400; ++i) {
    variance += std::pow(scores.candidate[i] - scores.baseline[i] - result.difference, 2) / 400;
  }
  const double half = 1.96 * std::sqrt(variance / 400);
  EXPECT_NEAR(result.low, result.difference - half, 0.05 * half);
  EXPECT_NEAR(result.high, result.difference + half, 0.05 * half);
  const double expected_p = 0.5 * std::erfc(-result.difference / (half / 1.96) / std::sqrt(2.0));
  EXPECT_NEAR(result.p_better, expected_p, 0.02);
}

// The mean of two independent groups has a quarter of the summed variances.
TEST(PairedBootstrap, GroupsAreResampledOnTheirOwn) {
  const PairedScores left = normal_scores(100, 0.0, 1);
  const PairedScores right = normal_scores(400, 0.5, 2);
  const auto a = bootstrap({left});
  const auto b = bootstrap({right});
  const auto both = bootstrap({left, right});
  EXPECT_NEAR(both.difference, (a.difference + b.difference) / 2, 1e-12);
  EXPECT_EQ(both.num_items, 500U);
  const double expected = std::hypot(a.high - a.low, b.high - b.low) / 2;
  EXPECT_NEAR(both.high - both.low, expected, 0.05 * expected);
}

TEST(PairedBootstrap, RefusesWhatItCannotResample) {
  EXPECT_THROW(bootstrap({}), Error);
  EXPECT_THROW(bootstrap({{{}, {}}}), Error);
  EXPECT_THROW(bootstrap({{{0.0}, {0.0, 1.0}}}), Error);
  EXPECT_THROW(bootstrap({{{0.0}, {1.0}}}, {.num_resamples = 1}), Error);
  EXPECT_THROW(bootstrap({{{0.0}, {1.0}}}, {.confidence = 1.0}), Error);
}

TEST(Compare, PairsById) {
  const EvaluationResult baseline = example_result({0.0, 0.5, 1.0}, "base");
  EvaluationResult candidate = example_result({0.25, 0.75, 1.0}, "new");
  std::reverse(candidate.benchmarks[0].samples.begin(), candidate.benchmarks[0].samples.end());
  const auto rows = compare_results(baseline, candidate, {});
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].benchmark, "ja-math/test");
  EXPECT_EQ(rows[0].metric, "acc");
  EXPECT_DOUBLE_EQ(rows[0].baseline_mean, 0.5);
  EXPECT_NEAR(rows[0].paired.difference, 0.5 / 3, 1e-12);
  EXPECT_GE(rows[0].paired.low, 0.0);  // no item got worse
}

std::string error_of(const EvaluationResult& baseline, const EvaluationResult& candidate) {
  return error_message([&] { compare_results(baseline, candidate, {}); });
}

TEST(Compare, NamesWhatDiffers) {
  const EvaluationResult baseline = example_result({0.0, 1.0}, "base");
  EvaluationResult candidate = example_result({0.0, 1.0}, "new");
  BenchmarkResult& changed = candidate.benchmarks[0];
  const BenchmarkResult original = changed;
  changed.data_hash = "abd";
  EXPECT_THAT(error_of(baseline, candidate), HasSubstr("different data (SHA-256): abc and abd"));
  changed = original;
  changed.samples[1].id = "9";
  EXPECT_THAT(error_of(baseline, candidate), HasSubstr("different items: '1'"));
  changed = original;
  changed.split = "search";
  EXPECT_THAT(error_of(baseline, candidate), HasSubstr("no benchmark 'ja-math/search'"));
  changed = original;
  changed.options.num_beams = 5;
  EXPECT_THAT(error_of(baseline, candidate), HasSubstr("different generation options"));
  changed = original;
  changed.prompt = "other";
  EXPECT_THAT(error_of(baseline, candidate), HasSubstr("different prompt"));
  changed = original;
  changed.metrics[0].metric = "acc_ja";
  EXPECT_THAT(error_of(baseline, candidate), HasSubstr("no metric in common"));
  candidate = example_result({0.0, 1.0, 1.0}, "new");
  EXPECT_THAT(error_of(baseline, candidate), HasSubstr("different number of items: 2 and 3"));
}

TEST(Compare, MeanOfSeveralBenchmarks) {
  EvaluationResult baseline = example_result({0.0, 0.0});
  EvaluationResult candidate = example_result({1.0, 1.0});
  baseline.benchmarks.push_back(example_benchmark({0.5, 0.5, 0.5}, "rougeL"));
  candidate.benchmarks.push_back(example_benchmark({0.75, 0.75, 0.75}, "rougeL"));
  baseline.benchmarks[1].benchmark = candidate.benchmarks[1].benchmark = "en-emoji-vqa";
  const std::vector<BenchmarkMetric> parts{{"ja-math/test", "acc"},
                                           {"en-emoji-vqa/test", "rougeL"}};
  const ComparisonRow row = compare_mean(baseline, candidate, parts, {});
  EXPECT_EQ(row.benchmark, "mean");
  EXPECT_EQ(row.metric, "ja-math/test acc + en-emoji-vqa/test rougeL");
  EXPECT_DOUBLE_EQ(row.baseline_mean, 0.25);
  EXPECT_DOUBLE_EQ(row.candidate_mean, 0.875);
  EXPECT_DOUBLE_EQ(row.paired.difference, 0.625);
  const std::vector<BenchmarkMetric> missing{{"ja-math/test", "rougeL"}};
  EXPECT_THROW(compare_mean(baseline, candidate, missing, {}), Error);
}

}  // namespace
}  // namespace vlm
