#include <algorithm>

#include "merge/kernels/elementwise.h"
#include "merge/methods/methods.h"
#include "merge/methods/parameters.h"

namespace vlm {
namespace {

bool normalizes(const TensorMerge& task) {
  return task.parameters.at("normalize") != 0;
}

void merge_linear(const TensorMerge& task, std::span<float> out) {
  std::fill(out.begin(), out.end(), 0.0F);
  for (const ModelTensor& model : task.models) {
    const auto weight = static_cast<float>(model.parameters.at("weight"));
    if (weight != 0.0F) add_scaled(model.values, weight, out);
  }
  const auto sum = static_cast<float>(weight_sum(task));
  if (normalizes(task) && sum != 1.0F) divide(out, sum);
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
          .merge = merge_linear,
          .complaint = [](const TensorMerge& task) {
            return complain_about_weight_sum(task, "normalize");
          }};
}

}  // namespace vlm
