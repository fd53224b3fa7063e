#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "merge/block_loop.h"
#include "merge/kernels/elementwise.h"
#include "merge/methods/delta_cuts.h"
#include "merge/methods/methods.h"
#include "merge/methods/parameters.h"
#include "merge/methods/task_vectors.h"
#include "merge/methods/whole_model.h"

namespace vlm {
namespace {

using OptionalCuts = std::vector<std::optional<MagnitudeCut>>;  // of the models; absent: no region

OptionalCuts cut_tensor(const TensorMerge& task, ThreadPool& pool) {
  std::vector<WantedCut> wanted;
  const auto size = static_cast<double>(elements_of(task));
  for (std::size_t i = 0; i < task.models.size(); ++i) {
    const auto k = static_cast<std::size_t>(task.models[i].parameters.at("density") * size);
    if (k > 0) wanted.push_back({i, k});
  }
  const std::vector<MagnitudeCut> found = find_delta_cuts(task, wanted, pool);
  OptionalCuts cuts(task.models.size());
  for (std::size_t i = 0; i < found.size(); ++i) cuts[wanted[i].quantity] = found[i];
  return cuts;
}

// He et al.: where the regions of several models meet, their mean.
BlockMerge stitch(OptionalCuts cuts) {
  const auto merge = [cuts = std::move(cuts)](const InputBlock& inputs, std::span<float> out) {
    const std::span<float> sum = inputs.buffers.first(inputs.size);
    const std::span<float> models = inputs.buffers.subspan(inputs.size, inputs.size);
    const std::span<float> region = inputs.buffers.last(inputs.size);
    std::fill(sum.begin(), sum.end(), 0.0F);
    std::fill(models.begin(), models.end(), 0.0F);
    for (std::size_t i = 0; i < cuts.size(); ++i) {
      if (!cuts[i]) continue;
      subtract(inputs.models[i], inputs.base, region);
      keep_largest(*cuts[i], inputs.first, region);
      add_scaled(region, 1.0F, sum);
      add_one_where_above(region, 0.0F, models);
    }
    replace_zeros_by_one(models);
    divide(sum, models);
    add_to_base(inputs.base, sum, 1.0F, out);
  };
  return {.unit = 1, .buffers = 3, .merge = merge};
}

BlockMerge start_stitching(const TensorMerge& task, ThreadPool& pool) {
  return stitch(cut_tensor(task, pool));
}

StartMerge prepare_regions(const MergeTasks& tasks, ThreadPool& pool) {
  const auto cuts = std::make_shared<const WholeModelCuts>(
      tasks, pool, std::vector<std::string>{"density"},
      [](const std::vector<std::size_t>& shares, std::size_t /*elements*/) { return shares; });
  if (cuts->empty()) return nullptr;
  return [cuts](const TensorMerge& task, ThreadPool& of_task) {
    if (task.parameters.at("scope") != kScopeModel) return start_stitching(task, of_task);
    OptionalCuts found;
    for (const ModelTensor& model : task.models) found.push_back(cuts->find(task, model, 0));
    return stitch(std::move(found));
  };
}

}  // namespace

MergeMethod localize_and_stitch_method() {
  return {.name = "localize_and_stitch",
          .paper = "He et al., TMLR 2025, \"Localize-and-Stitch\" (without data)",
          .formula =
              "base + the mean of those deltas whose region has the entry; a model's region is the "
              "largest entries of its delta",
          .base = BaseRole::kRequired,
          .min_models = 1,
          .max_models = 64,
          .parameters = {number_in("density", ParameterScope::kPerModel, {0, 1}, 0.05,
                                   "share of the delta that is the model's region"),
                         choice("scope", {"tensor", "model"},
                                "what density is a share of; model, as in the paper, reads the "
                                "models four times more",
                                1)},
          .start = start_stitching,
          .complaint = nullptr,
          .prepare = prepare_regions};
}

}  // namespace vlm
