#include <algorithm>
#include <cmath>

#include "merge/kernels/elementwise.h"
#include "merge/methods/methods.h"

namespace vlm {
namespace {

constexpr double kSmallestWeightSum = 1e-8;

double weight_sum(const TensorMerge& task) {
  double sum = 0;
  for (const ModelTensor& model : task.models) sum += model.parameters.at("weight");
  return sum;
}

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

std::optional<std::string> complain_linear(const TensorMerge& task) {
  if (!normalizes(task) || std::fabs(weight_sum(task)) >= kSmallestWeightSum) return std::nullopt;
  return "weights sum to 0, which cannot be normalised (set normalize: false)";
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
                         {.name = "normalize",
                          .kind = ParameterKind::kBoolean,
                          .scope = ParameterScope::kGlobal,
                          .fallback = 1,
                          .lowest = 0,
                          .highest = 1,
                          .meaning = "divide by the sum of the weights"},
                         int8_mask_parameter()},
          .merge = merge_linear,
          .complaint = complain_linear};
}

}  // namespace vlm
