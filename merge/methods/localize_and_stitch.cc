#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "merge/kernels/elementwise.h"
#include "merge/methods/methods.h"
#include "merge/methods/parameters.h"
#include "merge/methods/task_vectors.h"
#include "merge/methods/whole_model.h"

namespace vlm {
namespace {

using FindCut = std::function<std::optional<MagnitudeCut>(const TensorMerge&, const ModelTensor&)>;

std::optional<MagnitudeCut> cut_tensor(const TensorMerge& task, const ModelTensor& model) {
  const double share = model.parameters.at("density") * static_cast<double>(model.values.size());
  const auto k = static_cast<std::size_t>(share);
  return k == 0 ? std::nullopt : std::optional(DeltaRanks(task, model).cut(k));
}

// He et al.: where the regions of several models meet, their mean.
void stitch(const TensorMerge& task, const FindCut& find_cut, std::span<float> out) {
  std::vector<float> sum(out.size());
  std::vector<float> models(out.size());
  std::vector<float> region(out.size());
  for (const ModelTensor& model : task.models) {
    const std::optional<MagnitudeCut> cut = find_cut(task, model);
    if (!cut) continue;
    subtract(model.values, task.base, region);
    keep_largest(*cut, 0, region);
    add_scaled(region, 1.0F, sum);
    add_one_where_above(region, 0.0F, models);
  }
  replace_zeros_by_one(models);
  divide(sum, models);
  add_to_base(task.base, sum, 1.0F, out);
}

MergeTensor prepare_regions(const MergeTasks& tasks) {
  const auto cuts = std::make_shared<const WholeModelCuts>(
      tasks, std::vector<std::string>{"density"},
      [](const std::vector<std::size_t>& shares, std::size_t /*elements*/) { return shares; });
  if (cuts->empty()) return nullptr;
  const FindCut find_cut = [cuts](const TensorMerge& task, const ModelTensor& model) {
    return task.parameters.at("scope") == kScopeModel ? cuts->find(task, model, 0)
                                                      : cut_tensor(task, model);
  };
  return [find_cut](const TensorMerge& task, std::span<float> out) { stitch(task, find_cut, out); };
}

}  // namespace

MergeMethod localize_and_stitch_method() {
  return {
      .name = "localize_and_stitch",
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
      .merge = [](const TensorMerge& task, std::span<float> out) { stitch(task, cut_tensor, out); },
      .complaint = nullptr,
      .prepare = prepare_regions};
}

}  // namespace vlm
