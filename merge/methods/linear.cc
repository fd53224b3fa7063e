#include <algorithm>
#include <span>
#include <vector>

#include "merge/kernels/weighted_sums.h"
#include "merge/method.h"
#include "merge/methods/input_span.h"
#include "merge/methods/methods.h"
#include "merge/methods/parameters.h"

namespace vlm {
namespace {

bool normalizes(const TensorMerge& task) {
  return task.parameters.at("normalize") != 0;
}

BlockMerge start_linear(const TensorMerge& task, ThreadPool& /*pool*/) {
  std::vector<float> weights;
  for (const ModelTensor& model : task.models) {
    weights.push_back(static_cast<float>(model.parameters.at("weight")));
  }
  const float divisor = normalizes(task) ? static_cast<float>(weight_sum(task)) : 1.0F;
  const bool all_count = std::ranges::find(weights, 0.0F) == weights.end();
  return combination(all_count, [weights, divisor](const InputBlock& inputs, std::span<float> out) {
    inputs.visit([&](auto /*base*/, const auto& models) {
      weighted_sum(weighted_terms<float>(models, weights), divisor, out);
    });
  });
}

}  // namespace

MergeMethod linear_method() {
  return {.name = "linear",
          .paper = "Wortsman et al., ICML 2022, \"Model soups\", section 2",
          .formula = "sum_i w_i x_i, divided by sum_i w_i if `normalize`",
          .base = BaseRole::kOrdinary,
          .min_models = 1,
          .max_models = 64,
          .parameters = {weight_parameter(),
                         flag("normalize", true, "divide by the sum of the weights"),
                         int8_mask_parameter()},
          .start = start_linear,
          .complaint = [](const TensorMerge& task) {
            return complain_about_weight_sum(task, "normalize");
          }};
}

}  // namespace vlm
