#include "merge/methods/parameters.h"

#include <cmath>
#include <limits>
#include <utility>

namespace vlm {
ParameterSpec any_number(std::string name, ParameterScope scope, std::optional<double> fallback,
                         std::string meaning) {
  const Range any{std::numeric_limits<double>::lowest(), std::numeric_limits<double>::max()};
  return number_in(std::move(name), scope, any, fallback, std::move(meaning));
}

ParameterSpec number_in(std::string name, ParameterScope scope, Range range,
                        std::optional<double> fallback, std::string meaning) {
  return {.name = std::move(name),
          .kind = ParameterKind::kNumber,
          .scope = scope,
          .fallback = fallback,
          .lowest = range.lowest,
          .highest = range.highest,
          .meaning = std::move(meaning)};
}

ParameterSpec flag(std::string name, bool fallback, std::string meaning) {
  return {.name = std::move(name),
          .kind = ParameterKind::kBoolean,
          .scope = ParameterScope::kGlobal,
          .fallback = fallback ? 1.0 : 0.0,
          .lowest = 0,
          .highest = 1,
          .meaning = std::move(meaning)};
}

ParameterSpec choice(std::string name, std::vector<std::string> choices, std::string meaning,
                     std::size_t fallback) {
  const auto last = static_cast<double>(choices.size() - 1);
  return {.name = std::move(name),
          .kind = ParameterKind::kChoice,
          .scope = ParameterScope::kGlobal,
          .fallback = static_cast<double>(fallback),
          .lowest = 0,
          .highest = last,
          .meaning = std::move(meaning),
          .choices = std::move(choices)};
}

ParameterSpec weight_parameter() {
  return any_number("weight", ParameterScope::kPerModel, std::nullopt,
                    "factor of the model; may be negative");
}

ParameterSpec int8_mask_parameter() {
  return flag("int8_mask", false, "accepted for mergekit's recipes; no effect");
}

double weight_sum(const TensorMerge& task) {
  double sum = 0;
  for (const ModelTensor& model : task.models) sum += model.parameters.at("weight");
  return sum;
}

std::optional<std::string> complain_about_weight_sum(const TensorMerge& task,
                                                     const std::string& flag_name) {
  if (task.parameters.at(flag_name) == 0) return std::nullopt;
  if (std::fabs(weight_sum(task)) >= kSmallestDivisor) return std::nullopt;
  return "weights sum to 0, which cannot be normalised (set " + flag_name + ": false)";
}

}  // namespace vlm
