#include "search/objective_data.h"

#include <utility>

#include "core/error.h"
#include "core/philox.h"

namespace vlm {
namespace {

bool is_held_out(const BenchmarkItem& item, double share, std::uint64_t key) {
  const std::uint64_t stream = philox_key(key, item.id);
  return unit_interval(philox_block(key, 0, stream)[0]) < share;
}

ObjectiveData load_objective(const Objective& objective, double holdout, std::uint64_t seed,
                             const std::filesystem::path& data_root) {
  const BenchmarkReference reference = parse_benchmark_reference(objective.benchmark);
  ObjectiveData data{
      objective, find_task(reference.name), open_benchmark(reference, data_root), {}};
  data.task.metrics = {parse_metric(objective.metric)};
  if (objective.limit > 0) limit_items(data.fitted, objective.limit);
  if (holdout <= 0.0) return data;

  const std::uint64_t key = philox_key(seed, "holdout " + reference.name);
  const std::vector<BenchmarkItem> all = std::exchange(data.fitted.items, {});
  data.held_out = data.fitted;
  for (const BenchmarkItem& item : all) {
    (is_held_out(item, holdout, key) ? data.held_out : data.fitted).items.push_back(item);
  }
  if (data.fitted.items.empty() || data.held_out.items.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "holdout leaves no items on one side: " + objective.benchmark + ": " +
                    std::to_string(data.held_out.items.size()) + " of " +
                    std::to_string(all.size()) + " held out");
  }
  data.fitted.data_hash = hash_benchmark_items(data.fitted.items);
  data.held_out.data_hash = hash_benchmark_items(data.held_out.items);
  return data;
}

}  // namespace

std::vector<ObjectiveData> load_objectives(const std::vector<Objective>& objectives, double holdout,
                                           std::uint64_t seed,
                                           const std::filesystem::path& data_root) {
  std::vector<ObjectiveData> loaded;
  loaded.reserve(objectives.size());
  for (const Objective& objective : objectives) {
    loaded.push_back(load_objective(objective, holdout, seed, data_root));
  }
  return loaded;
}

}  // namespace vlm
