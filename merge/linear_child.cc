#include "merge/linear_child.h"

#include <cmath>

#include "merge/methods/parameters.h"

namespace vlm {
namespace {

// As the merge has it.
double weight_of(const PlannedSource& source) {
  return static_cast<float>(source.parameters.at("weight"));
}

double weight_sum(const TensorPlan& tensor) {
  double sum = 0;
  for (const PlannedSource& source : tensor.sources) sum += weight_of(source);
  return sum;
}

bool normalizes(const TensorPlan& tensor) {
  return tensor.parameters.at("normalize") != 0;
}

// sum_i w_i x_i, divided by sum_i w_i if normalised.
void add_linear(const TensorPlan& tensor, std::vector<double>& factors) {
  const double divisor = normalizes(tensor) ? weight_sum(tensor) : 1;
  for (const PlannedSource& source : tensor.sources) {
    factors[source.input] += weight_of(source) / divisor;
  }
}

// base + lambda sum_i w_i (x_i - base), the sum divided by sum_i w_i if normalised,
// unless that is too small.
void add_task_arithmetic(const TensorPlan& tensor, std::vector<double>& factors) {
  const double sum = weight_sum(tensor);
  const double divisor = normalizes(tensor) && std::fabs(sum) >= kSmallestDivisor ? sum : 1;
  const double scale = tensor.parameters.at("lambda") / divisor;
  factors[tensor.base->input] += 1 - scale * sum;
  for (const PlannedSource& source : tensor.sources) {
    factors[source.input] += scale * weight_of(source);
  }
}

}  // namespace

std::optional<std::vector<double>> linear_factors(const MergePlan& plan, const TensorPlan& tensor) {
  std::vector<double> factors(plan.inputs.size());
  if (tensor.is_copy) {
    factors[tensor.sources.front().input] = 1;
  } else if (plan.method->name == "linear") {
    add_linear(tensor, factors);
  } else if (plan.method->name == "passthrough") {
    const PlannedSource& source = tensor.sources.front();
    factors[source.input] = static_cast<float>(source.parameters.at("scale"));
  } else if (plan.method->name == "task_arithmetic") {
    add_task_arithmetic(tensor, factors);
  } else {
    return std::nullopt;
  }
  return factors;
}

}  // namespace vlm
