#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "merge/kernels/elementwise.h"
#include "merge/kernels/magnitude.h"
#include "merge/methods/methods.h"
#include "merge/methods/parameters.h"
#include "merge/methods/task_vectors.h"
#include "merge/methods/whole_model.h"

namespace vlm {
namespace {

BlockFilter filter_by(const MagnitudeCut& cut) {
  return [cut](std::size_t first, std::span<float> block) { keep_largest(cut, first, block); };
}

// Yadav et al., section 4, "trim": the k = int(density n) largest magnitudes stay, at least one
// unless the density is 0.
BlockFilter make_magnitude_filter(const TensorMerge& task, const ModelTensor& model) {
  const double density = model.parameters.at("density");
  if (density >= 1) return nullptr;
  if (density <= 0 || model.values.empty()) return drop_all;
  const auto k = static_cast<std::size_t>(density * static_cast<double>(model.values.size()));
  return filter_by(DeltaRanks(task, model).cut(std::max<std::size_t>(k, 1)));
}

MergeTensor merge_with(const MakeFilter& make_filter) {
  return [make_filter](const TensorMerge& task, std::span<float> out) {
    merge_task_vectors(task, {make_filter, Consensus::kSum}, out);
  };
}

// With `scope: model` n is the number of all entries of the model.
MergeTensor prepare_ties(const MergeTasks& tasks) {
  const auto cuts = std::make_shared<const WholeModelCuts>(
      tasks, std::vector<std::string>{"density"},
      [](const std::vector<std::size_t>& shares, std::size_t /*elements*/) { return shares; });
  if (cuts->empty()) return nullptr;
  return merge_with([cuts](const TensorMerge& task, const ModelTensor& model) -> BlockFilter {
    if (task.parameters.at("scope") != kScopeModel) return make_magnitude_filter(task, model);
    const auto cut = cuts->find(task, model, 0);
    return cut ? filter_by(*cut) : BlockFilter(drop_all);
  });
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
                     .merge = merge_with(make_magnitude_filter),
                     .complaint = nullptr,
                     .prepare = prepare_ties};
  method.parameters.push_back(choice("scope", {"tensor", "model"},
                                     "what density is a share of; model, as in the paper, reads "
                                     "the models four times more"));
  return method;
}

}  // namespace vlm
