#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "merge/block_loop.h"
#include "merge/methods/delta_cuts.h"
#include "merge/methods/methods.h"
#include "merge/methods/parameters.h"
#include "merge/methods/task_vectors.h"
#include "merge/methods/whole_model.h"

namespace vlm {
namespace {

// Yadav et al., section 4, "trim": the k = int(density n) largest magnitudes stay, at least one
// unless the density is 0.
DeltaFilters keep_largest_entries(const TensorMerge& task, ThreadPool& pool) {
  DeltaFilters filters;
  filters.of_models.resize(task.models.size());
  std::vector<WantedCut> wanted;
  const std::size_t size = elements_of(task);
  for (std::size_t i = 0; i < task.models.size(); ++i) {
    const double density = task.models[i].parameters.at("density");
    const bool keeps_some = density > 0 && size > 0;
    if (density < 1) filters.of_models[i].emplace<KeepByMagnitude>();
    if (density >= 1 || !keeps_some || !has_weight(task.models[i])) continue;
    const auto k = static_cast<std::size_t>(density * static_cast<double>(size));
    wanted.push_back({i, std::max<std::size_t>(k, 1)});
  }
  const std::vector<MagnitudeCut> cuts = find_delta_cuts(task, wanted, pool);
  for (std::size_t i = 0; i < cuts.size(); ++i) {
    filters.of_models[wanted[i].quantity] = KeepByMagnitude{cuts[i], std::nullopt};
  }
  return filters;
}

// With `scope: model` n is the number of all entries of the model.
StartMerge prepare_ties(const MergeTasks& tasks, ThreadPool& pool) {
  const auto cuts = std::make_shared<const WholeModelCuts>(
      tasks, pool, std::vector<std::string>{"density"},
      [](const std::vector<std::size_t>& shares, std::size_t /*elements*/) { return shares; });
  if (cuts->empty()) return nullptr;
  const auto make_filters = [cuts](const TensorMerge& task, ThreadPool& of_task) {
    if (task.parameters.at("scope") != kScopeModel) return keep_largest_entries(task, of_task);
    return filter_each(task, 1, [&](const TensorMerge& /*same*/, const ModelTensor& model) {
      return KeepByMagnitude{cuts->find(task, model, 0), std::nullopt};
    });
  };
  return start_task_vectors({make_filters, Consensus::kSum});
}

}  // namespace

MergeMethod ties_method() {
  MergeMethod method{.name = "ties",
                     .paper = "Yadav et al., NeurIPS 2023, \"TIES-Merging\"",
                     .formula =
                         "base + lambda m; m is the weighted mean of the trimmed deltas whose sign "
                         "is that of their weighted sum",
                     .base = BaseRole::kRequired,
                     .min_models = 1,
                     .max_models = 64,
                     .parameters = task_vector_parameters({.normalize = true, .rescale = false}),
                     .start = start_task_vectors({keep_largest_entries, Consensus::kSum}),
                     .complaint = nullptr,
                     .prepare = prepare_ties};
  method.parameters.push_back(choice("scope", {"tensor", "model"},
                                     "what density is a share of; model, as in the paper, reads "
                                     "the models four times more"));
  return method;
}

}  // namespace vlm
