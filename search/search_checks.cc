#include "search/search_checks.h"

#include <algorithm>
#include <map>
#include <string>

#include "core/error.h"
#include "datasets/registry.h"
#include "eval/metrics.h"
#include "eval/number_extraction.h"
#include "model/memory_plan.h"
#include "search/final_measurement.h"

namespace vlm {
namespace {

bool has_number(const BenchmarkItem& item) {
  return item.answer_number || last_number(item.answer);
}

Benchmark open_for(const std::string& metric, const std::string& benchmark,
                   const SearchConfig& config, const std::filesystem::path& data_root) {
  Benchmark opened = open_benchmark(parse_benchmark_reference(benchmark), data_root);
  if (parse_metric(metric).kind != MetricKind::kNumberCorrect) return opened;
  const auto without = std::ranges::find_if_not(opened.items, has_number);
  if (without != opened.items.end()) {
    throw Error(ErrorCode::kInvalidArgument,
                "metric needs an answer with a number: " + config.where + ": '" + metric + "' on " +
                    benchmark + ", item " + without->id);
  }
  return opened;
}

void check_data(const SearchConfig& config, const std::filesystem::path& data_root) {
  std::map<std::string, std::string> objective_of_hash;
  for (const Objective& objective : config.objectives) {
    const Benchmark data = open_for(objective.metric, objective.benchmark, config, data_root);
    objective_of_hash.emplace(data.data_hash, objective.benchmark);
  }
  for (const TestColumn& test : config.test) {
    const Benchmark data = open_for(test.column.metric, test.reference, config, data_root);
    const auto same = objective_of_hash.find(data.data_hash);
    if (same == objective_of_hash.end()) continue;
    throw Error(ErrorCode::kInvalidArgument,
                "test benchmark is an objective of the search: " + config.where + ": " +
                    test.reference + " has the items of " + same->second);
  }
}

}  // namespace

void require_sound_end(const SearchConfig& config, ModelPool& models,
                       const std::filesystem::path& data_root, std::size_t num_threads) {
  check_data(config, data_root);
  for (const ComparedModel& compared : config.compare) {
    const auto checkpoint = open_compared(config, compared, models);
    memory_shares(config.memory_bytes, *checkpoint, config.weights, num_threads);
  }
}

}  // namespace vlm
