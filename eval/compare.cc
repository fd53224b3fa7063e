#include "eval/compare.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <optional>

#include "core/error.h"
#include "core/nearest_name.h"
#include "core/philox.h"

namespace vlm {
namespace {

[[noreturn]] void refuse(const std::string& what) {
  throw Error(ErrorCode::kInvalidArgument, what);
}

// Draws indices below `bound` for one resample. The bias of multiply-and-shift is bound / 2^32.
class IndexStream {
 public:
  IndexStream(std::uint64_t key, std::uint64_t stream) : key_(key), stream_(stream) {}

  std::size_t below(std::size_t bound) {
    if (used_ == block_.size()) {
      block_ = philox_block(key_, counter_++, stream_);
      used_ = 0;
    }
    return static_cast<std::size_t>((std::uint64_t{block_[used_++]} * bound) >> 32U);
  }

 private:
  std::uint64_t key_;
  std::uint64_t stream_;
  std::uint64_t counter_ = 0;
  PhiloxBlock block_{};
  std::size_t used_ = PhiloxBlock{}.size();
};

double mean(const std::vector<double>& values) {
  double sum = 0.0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

std::vector<double> item_differences(const PairedScores& scores) {
  std::vector<double> differences(scores.candidate.size());
  std::transform(scores.candidate.begin(), scores.candidate.end(), scores.baseline.begin(),
                 differences.begin(), std::minus<>());
  return differences;
}

double resampled_mean(const std::vector<double>& values, IndexStream& indices) {
  double sum = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) sum += values[indices.below(values.size())];
  return sum / static_cast<double>(values.size());
}

// Linear interpolation between order statistics (Hyndman and Fan 1996, type 7).
double quantile(const std::vector<double>& sorted, double probability) {
  const double place = probability * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(place);
  const std::size_t high = std::min(low + 1, sorted.size() - 1);
  return std::lerp(sorted[low], sorted[high], place - static_cast<double>(low));
}

double share_above_zero(const std::vector<double>& values) {
  double count = 0.0;
  for (const double value : values) {
    if (value > 0.0) count += 1.0;
    if (value == 0.0) count += 0.5;
  }
  return count / static_cast<double>(values.size());
}

void check_options(const BootstrapOptions& options) {
  if (options.num_resamples < 100 || options.num_resamples > 1'000'000) {
    refuse("bootstrap: number of resamples outside [100, 1000000]: " +
           std::to_string(options.num_resamples));
  }
  if (!(options.confidence > 0.0 && options.confidence < 1.0)) {
    refuse("bootstrap: confidence outside (0, 1): " + std::to_string(options.confidence));
  }
}

void check_groups(std::span<const PairedScores> groups) {
  if (groups.empty()) refuse("bootstrap: no scores to compare");
  for (const PairedScores& group : groups) {
    if (group.baseline.empty() || group.baseline.size() != group.candidate.size()) {
      refuse("bootstrap: scores do not pair up: " + std::to_string(group.baseline.size()) +
             " and " + std::to_string(group.candidate.size()));
    }
  }
}

std::string full_name(const BenchmarkResult& result) {
  return result.benchmark + "/" + result.split;
}

std::vector<std::string> benchmark_list(const EvaluationResult& result) {
  std::vector<std::string> names;
  for (const BenchmarkResult& benchmark : result.benchmarks) names.push_back(full_name(benchmark));
  return names;
}

const BenchmarkResult& find_benchmark(const EvaluationResult& result, const std::string& name) {
  for (const BenchmarkResult& benchmark : result.benchmarks) {
    if (full_name(benchmark) == name) return benchmark;
  }
  refuse("results cannot be compared: " + result.model + " has no benchmark '" + name + "'" +
         name_hint(name, benchmark_list(result)));
}

[[noreturn]] void refuse_difference(const BenchmarkResult& result, const std::string& what,
                                    const std::string& baseline, const std::string& candidate) {
  refuse("results cannot be compared: " + full_name(result) + ": different " + what + ": " +
         baseline + " and " + candidate);
}

std::string shown(const AnswerOptions& options) {
  std::string text = "max_tokens " + std::to_string(options.max_tokens) + ", beams " +
                     std::to_string(options.num_beams) + ", repetition penalty " +
                     std::to_string(options.repetition_penalty) + ", stop";
  for (const std::string& stop : options.stop_strings) text += " '" + stop + "'";
  return text;
}

void check_comparable(const BenchmarkResult& baseline, const BenchmarkResult& candidate) {
  const auto same = [&baseline](const char* what, const std::string& left,
                                const std::string& right) {
    if (left != right) refuse_difference(baseline, what, left, right);
  };
  same("number of items", std::to_string(baseline.samples.size()),
       std::to_string(candidate.samples.size()));
  same("data (SHA-256)", baseline.data_hash, candidate.data_hash);
  same("prompt", baseline.prompt, candidate.prompt);
  same("generation options", shown(baseline.options), shown(candidate.options));
}

std::optional<std::size_t> metric_column(const BenchmarkResult& result, const std::string& metric) {
  const auto found = std::find_if(result.metrics.begin(), result.metrics.end(),
                                  [&](const MetricMean& entry) { return entry.metric == metric; });
  if (found == result.metrics.end()) return std::nullopt;
  return static_cast<std::size_t>(found - result.metrics.begin());
}

std::size_t required_column(const BenchmarkResult& result, const std::string& metric) {
  metric_mean(result, metric);  // names the metric if it is missing
  return *metric_column(result, metric);
}

std::map<std::string, double> scores_by_id(const BenchmarkResult& result, std::size_t column) {
  std::map<std::string, double> scores;
  for (const SampleRecord& sample : result.samples) scores[sample.id] = sample.scores[column];
  return scores;
}

PairedScores pair_scores(const BenchmarkResult& baseline, const BenchmarkResult& candidate,
                         const std::string& metric) {
  const auto candidate_scores = scores_by_id(candidate, required_column(candidate, metric));
  const std::size_t column = required_column(baseline, metric);
  PairedScores scores;
  for (const SampleRecord& sample : baseline.samples) {
    const auto found = candidate_scores.find(sample.id);
    if (found == candidate_scores.end()) {
      refuse_difference(baseline, "items", "'" + sample.id + "'", "none of that id");
    }
    scores.baseline.push_back(sample.scores[column]);
    scores.candidate.push_back(found->second);
  }
  return scores;
}

void check_same_benchmarks(const EvaluationResult& baseline, const EvaluationResult& candidate) {
  for (const std::string& name : benchmark_list(candidate)) find_benchmark(baseline, name);
  for (const std::string& name : benchmark_list(baseline)) find_benchmark(candidate, name);
}

ComparisonRow make_row(const std::string& benchmark, const std::string& metric,
                       std::span<const PairedScores> groups, const BootstrapOptions& options) {
  ComparisonRow row{benchmark, metric, 0.0, 0.0, paired_bootstrap(groups, options)};
  for (const PairedScores& group : groups) {
    row.baseline_mean += mean(group.baseline) / static_cast<double>(groups.size());
    row.candidate_mean += mean(group.candidate) / static_cast<double>(groups.size());
  }
  return row;
}

}  // namespace

PairedDifference paired_bootstrap(std::span<const PairedScores> groups,
                                  const BootstrapOptions& options) {
  check_options(options);
  check_groups(groups);
  PairedDifference result;
  std::vector<std::vector<double>> differences;
  const auto num_groups = static_cast<double>(groups.size());
  for (const PairedScores& group : groups) {
    differences.push_back(item_differences(group));
    result.difference += mean(differences.back()) / num_groups;
    result.num_items += group.baseline.size();
  }
  const std::uint64_t key = philox_key(options.seed, "paired bootstrap");
  std::vector<double> resampled(options.num_resamples, 0.0);
  for (std::size_t i = 0; i < resampled.size(); ++i) {
    IndexStream indices(key, i);
    for (const auto& values : differences) {
      resampled[i] += resampled_mean(values, indices) / num_groups;
    }
  }
  result.p_better = share_above_zero(resampled);
  std::sort(resampled.begin(), resampled.end());
  const double tail = (1.0 - options.confidence) / 2.0;
  result.low = quantile(resampled, tail);
  result.high = quantile(resampled, 1.0 - tail);
  return result;
}

std::vector<ComparisonRow> compare_results(const EvaluationResult& baseline,
                                           const EvaluationResult& candidate,
                                           const BootstrapOptions& options) {
  check_same_benchmarks(baseline, candidate);
  std::vector<ComparisonRow> rows;
  for (const BenchmarkResult& left : baseline.benchmarks) {
    const BenchmarkResult& right = find_benchmark(candidate, full_name(left));
    check_comparable(left, right);
    for (const MetricMean& entry : left.metrics) {
      if (!metric_column(right, entry.metric)) continue;
      const std::array<PairedScores, 1> group{pair_scores(left, right, entry.metric)};
      rows.push_back(make_row(full_name(left), entry.metric, group, options));
    }
  }
  if (rows.empty()) {
    refuse("results cannot be compared: no metric in common: " + baseline.model + " and " +
           candidate.model);
  }
  return rows;
}

ComparisonRow compare_mean(const EvaluationResult& baseline, const EvaluationResult& candidate,
                           std::span<const BenchmarkMetric> parts,
                           const BootstrapOptions& options) {
  std::vector<PairedScores> groups;
  std::string metrics;
  for (const BenchmarkMetric& part : parts) {
    const BenchmarkResult& left = find_benchmark(baseline, part.benchmark);
    const BenchmarkResult& right = find_benchmark(candidate, part.benchmark);
    check_comparable(left, right);
    groups.push_back(pair_scores(left, right, part.metric));
    if (!metrics.empty()) metrics += " + ";
    metrics += part.benchmark + " " + part.metric;
  }
  return make_row("mean", metrics, groups, options);
}

}  // namespace vlm
