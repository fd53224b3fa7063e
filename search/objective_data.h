#pragma once

// The questions behind the objectives of a search.

#include <filesystem>
#include <vector>

#include "datasets/registry.h"
#include "eval/task.h"
#include "search/search_config.h"

namespace vlm {

// An objective with its items. `fitted` decides the fitness, `held_out` is kept for the choice
// among the best candidates.
struct ObjectiveData {
  Objective objective;
  Task task;  // its only metric is the objective's
  Benchmark fitted;
  Benchmark held_out;  // no items without a holdout
};

// Loads the items. Which of them are held out depends on `seed` and their ids alone.
// Throws what open_benchmark() throws; Error{kInvalidArgument} if a holdout leaves a part empty.
std::vector<ObjectiveData> load_objectives(const std::vector<Objective>& objectives, double holdout,
                                           std::uint64_t seed,
                                           const std::filesystem::path& data_root);

}  // namespace vlm
