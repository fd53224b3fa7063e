#include "eval/compare.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/text_table.h"
#include "core/error.h"
#include "core/json_fields.h"
#include "core/nearest_name.h"
#include "eval/result_json.h"

namespace vlm {
namespace {

struct CompareArguments {
  std::vector<std::string> results;
  std::vector<std::string> metrics;
  bool json = false;
};

Json row_json(const ComparisonRow& row, const std::string& candidate) {
  return {{"candidate", candidate},
          {"benchmark", row.benchmark},
          {"metric", row.metric},
          {"baseline_mean", row.baseline_mean},
          {"candidate_mean", row.candidate_mean},
          {"difference", row.paired.difference},
          {"low", row.paired.low},
          {"high", row.paired.high},
          {"p_better", row.paired.p_better},
          {"items", row.paired.num_items}};
}

void add_row(TextTable& table, const ComparisonRow& row, const std::string& candidate) {
  const PairedDifference& paired = row.paired;
  const bool is_mean = row.benchmark == "mean";
  table.add_row({candidate, row.benchmark, is_mean ? "" : row.metric, fixed(row.baseline_mean, 4),
                 fixed(row.candidate_mean, 4), fixed(paired.difference, 4),
                 "[" + fixed(paired.low, 4) + ", " + fixed(paired.high, 4) + "]",
                 fixed(paired.p_better, 3)});
}

// The rows of the metrics asked for.
std::vector<ComparisonRow> select(const std::vector<ComparisonRow>& rows,
                                  const std::vector<std::string>& metrics) {
  std::vector<ComparisonRow> selected;
  for (const ComparisonRow& row : rows) {
    const bool is_wanted = std::find(metrics.begin(), metrics.end(), row.metric) != metrics.end();
    if (is_wanted) selected.push_back(row);
  }
  return selected;
}

[[noreturn]] void fail_without_metric(const std::string& benchmark, const std::string& model,
                                      const std::string& metric) {
  throw Error(ErrorCode::kInvalidArgument, "results cannot be compared: " + benchmark + ": " +
                                               model + " has no metric '" + metric +
                                               "' (choose others with --metric)");
}

// The rows of the first metric of each benchmark of the baseline.
std::vector<ComparisonRow> select_first(const std::vector<ComparisonRow>& rows,
                                        const EvaluationResult& baseline,
                                        const EvaluationResult& candidate) {
  std::vector<ComparisonRow> selected;
  for (const BenchmarkResult& result : baseline.benchmarks) {
    if (result.metrics.empty()) continue;
    const std::string benchmark = result.benchmark + "/" + result.split;
    const std::string& metric = result.metrics.front().metric;
    const auto found = std::ranges::find_if(rows, [&](const ComparisonRow& row) {
      return row.benchmark == benchmark && row.metric == metric;
    });
    if (found == rows.end()) fail_without_metric(benchmark, candidate.model, metric);
    selected.push_back(*found);
  }
  return selected;
}

void require_metrics(const std::vector<ComparisonRow>& rows,
                     const std::vector<std::string>& metrics) {
  std::vector<std::string> known;
  known.reserve(rows.size());
  for (const ComparisonRow& row : rows) known.push_back(row.metric);
  for (const std::string& metric : metrics) {
    if (std::find(known.begin(), known.end(), metric) != known.end()) continue;
    throw Error(ErrorCode::kInvalidArgument, "results have no such metric: --metric: '" + metric +
                                                 "'" + name_hint(metric, known));
  }
}

// The first selected metric of every benchmark.
std::vector<BenchmarkMetric> parts_of_mean(const std::vector<ComparisonRow>& rows) {
  std::vector<BenchmarkMetric> parts;
  for (const ComparisonRow& row : rows) {
    if (parts.empty() || parts.back().benchmark != row.benchmark) {
      parts.push_back({row.benchmark, row.metric});
    }
  }
  return parts;
}

std::vector<ComparisonRow> rows_of(const EvaluationResult& baseline,
                                   const EvaluationResult& candidate,
                                   const std::vector<std::string>& metrics) {
  const std::vector<ComparisonRow> all = compare_results(baseline, candidate, {});
  require_metrics(all, metrics);
  std::vector<ComparisonRow> rows =
      metrics.empty() ? select_first(all, baseline, candidate) : select(all, metrics);
  const std::vector<BenchmarkMetric> parts = parts_of_mean(rows);
  if (parts.size() > 1) rows.push_back(compare_mean(baseline, candidate, parts, {}));
  return rows;
}

void run_compare(const CompareArguments& arguments) {
  const EvaluationResult baseline = read_result_file(arguments.results.front());
  TextTable table({"model", "benchmark", "metric", "baseline", "mean", "difference",
                   "95 % interval", "P(better)"});
  table.align(1, TextTable::Align::kLeft);
  table.align(2, TextTable::Align::kLeft);
  Json rows = Json::array();
  for (std::size_t i = 1; i < arguments.results.size(); ++i) {
    const EvaluationResult candidate = read_result_file(arguments.results[i]);
    for (const ComparisonRow& row : rows_of(baseline, candidate, arguments.metrics)) {
      add_row(table, row, candidate.model);
      rows.push_back(row_json(row, candidate.model));
    }
  }
  if (arguments.json) {
    std::printf("%s\n", Json{{"baseline", baseline.model}, {"rows", rows}}.dump(2).c_str());
    return;
  }
  std::printf("baseline: %s (paired bootstrap, 10,000 resamples)\n\n%s", baseline.model.c_str(),
              table.to_string().c_str());
}

}  // namespace

void add_compare_command(CLI::App& app, const GlobalOptions&) {
  auto* command = app.add_subcommand("compare", "is one model better than another? (bootstrap)");
  auto arguments = std::make_shared<CompareArguments>();
  command
      ->add_option("RESULT", arguments->results, "result files of eval; the first is the baseline")
      ->required()
      ->expected(2, -1);
  command
      ->add_option("--metric", arguments->metrics,
                   "metric to compare, may be repeated (default: each benchmark's first)")
      ->allow_extra_args(false);
  command->add_flag("--json", arguments->json, "print JSON");
  command->callback([arguments] { run_compare(*arguments); });
}

}  // namespace vlm
