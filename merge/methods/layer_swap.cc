#include <algorithm>
#include <cmath>

#include "merge/kernels/weighted_sums.h"
#include "merge/methods/methods.h"
#include "merge/methods/parameters.h"

namespace vlm {
namespace {

double layers(const TensorMerge& task, const char* name) {
  return std::round(task.parameters.at(name));
}

// The second model's share: 0 at both ends and outside of layers, `blend` in the transitions, 1
// between them.
double inner_share(const TensorMerge& task) {
  if (!task.layer) return 0;
  const auto from_bottom = static_cast<double>(*task.layer);
  const auto from_top = static_cast<double>(task.num_layers - 1 - *task.layer);
  const double depth =
      std::min(from_bottom - layers(task, "bottom"), from_top - layers(task, "top"));
  if (depth < 0) return 0;
  return depth < layers(task, "transition") ? task.parameters.at("blend") : 1;
}

BlockMerge start_layer_swap(const TensorMerge& task, ThreadPool& /*pool*/) {
  const auto share = static_cast<float>(inner_share(task));
  const auto merge = [share](const InputBlock& inputs, std::span<float> out) {
    inputs.visit([&](auto /*base*/, const auto& models) {
      blend(models[0], 1.0F - share, models[1], share, out);
    });
  };
  return {.unit = 1, .buffers = 0, .takes_bfloat16 = true, .merge = merge};
}

}  // namespace

MergeMethod layer_swap_method() {
  const auto count = [](const char* name, std::optional<double> fallback, const char* meaning) {
    return number_in(name, ParameterScope::kGlobal, {0, 1000}, fallback, meaning);
  };
  return {
      .name = "layer_swap",
      .paper = "Bandarkar et al., ICLR 2025, \"Layer swapping\"",
      .formula =
          "the first model's lowest and highest layers, embeddings, final norm and head around "
          "the second model's layers; the mean of both where they meet",
      .base = BaseRole::kOrdinary,
      .min_models = 2,
      .max_models = 2,
      .parameters = {count("bottom", std::nullopt, "lowest layers of the first model (rounded)"),
                     count("top", std::nullopt, "highest layers of the first model (rounded)"),
                     count("transition", 1, "layers of both, at either end (rounded)"),
                     number_in("blend", ParameterScope::kGlobal, {0, 1}, 0.5,
                               "the second model's share in them")},
      .start = start_layer_swap,
      .complaint = nullptr};
}

}  // namespace vlm
