#include <algorithm>

#include "merge/kernels/elementwise.h"
#include "merge/kernels/magnitude.h"
#include "merge/methods/methods.h"
#include "merge/methods/task_vectors.h"

namespace vlm {
namespace {

MagnitudeCut find_cut(const TensorMerge& task, const ModelTensor& model, std::size_t k) {
  const std::shared_ptr<const Words> ranking =
      !model.remember ? nullptr : model.remember("magnitude ranking", model.values.size(), [&] {
        return rank_magnitudes(model.values, task.base);
      });
  if (ranking == nullptr) return find_magnitude_cut(model.values, task.base, k);
  return find_magnitude_cut(model.values, task.base, *ranking, k);
}

void keep_largest(const MagnitudeCut& cut, std::size_t first, std::span<float> block) {
  const std::size_t before = std::clamp(cut.tie_end, first, first + block.size()) - first;
  zero_below(block.first(before), cut.bits);
  zero_below(block.subspan(before), cut.bits + 1);
}

// Yadav et al., section 4, "trim": the k = int(density n) largest magnitudes stay, at least one
// unless the density is 0.
BlockFilter make_magnitude_filter(const TensorMerge& task, const ModelTensor& model) {
  const double density = model.parameters.at("density");
  if (density >= 1) return nullptr;
  if (density <= 0 || model.values.empty()) {
    return [](std::size_t /*first*/, std::span<float> block) {
      std::fill(block.begin(), block.end(), 0.0F);
    };
  }
  const auto k = static_cast<std::size_t>(density * static_cast<double>(model.values.size()));
  const MagnitudeCut cut = find_cut(task, model, std::max<std::size_t>(k, 1));
  return [cut](std::size_t first, std::span<float> block) { keep_largest(cut, first, block); };
}

}  // namespace

MergeMethod ties_method() {
  return {.name = "ties",
          .paper = "Yadav et al., NeurIPS 2023, \"TIES-Merging\"",
          .formula =
              "base + lambda m; m is the weighted mean of the trimmed deltas whose sign is "
              "that of their weighted sum",
          .base = BaseRole::kRequired,
          .min_models = 1,
          .max_models = 64,
          .parameters = task_vector_parameters({.normalize = true, .rescale = false}),
          .merge =
              [](const TensorMerge& task, std::span<float> out) {
                merge_task_vectors(task, {make_magnitude_filter, Consensus::kSum}, out);
              },
          .complaint = nullptr};
}

}  // namespace vlm
