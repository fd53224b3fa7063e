#pragma once

// Is one model better than another on the same questions? Paired bootstrap (Efron and Tibshirani
// 1993, chapter 13: percentile interval; Koehn 2004 for its use on paired outputs).

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "eval/result_json.h"

namespace vlm {

struct BootstrapOptions {
  std::size_t num_resamples = 10'000;  // in [100, 1'000'000]
  double confidence = 0.95;            // in (0, 1)
  std::uint64_t seed = 42;
};

// mean(candidate) - mean(baseline) and how sure it is.
struct PairedDifference {
  double difference = 0.0;
  double low = 0.0;  // percentile interval of the difference
  double high = 0.0;
  double p_better = 0.0;  // share of resamples where the candidate is ahead; ties count half
  std::size_t num_items = 0;
};

// Per-item scores of two models on one benchmark, item by item.
struct PairedScores {
  std::vector<double> baseline;   // [items]
  std::vector<double> candidate;  // [items]
};

// Resamples each group's items on its own and compares the averages of the group means; one group
// is the plain paired bootstrap. Same seed, same result.
// Throws Error{kInvalidArgument} for options out of range, no group, an empty group, or sides of
// unequal length.
PairedDifference paired_bootstrap(std::span<const PairedScores> groups,
                                  const BootstrapOptions& options);

struct ComparisonRow {
  std::string benchmark;  // "ja-emoji-vqa/test", or "mean" over several
  std::string metric;
  double baseline_mean = 0.0;
  double candidate_mean = 0.0;
  PairedDifference paired;
};

// A score that enters a mean, as {"ja-emoji-vqa/test", "rougeL_ja"}.
struct BenchmarkMetric {
  std::string benchmark;
  std::string metric;
};

// A row for every benchmark and metric that both results have, paired by item id.
// Throws Error{kInvalidArgument} naming the difference: other benchmarks, data, prompt or
// generation options, other items, or no common metric.
std::vector<ComparisonRow> compare_results(const EvaluationResult& baseline,
                                           const EvaluationResult& candidate,
                                           const BootstrapOptions& options);

// One row for the mean of several benchmarks' metrics.
// Throws as compare_results(), and for a benchmark or metric a result lacks.
ComparisonRow compare_mean(const EvaluationResult& baseline, const EvaluationResult& candidate,
                           std::span<const BenchmarkMetric> parts, const BootstrapOptions& options);

}  // namespace vlm
