#pragma once

// Merges whose tensors are fixed linear combinations of the inputs' tensors. What follows from the
// inputs' inner products need not be computed from such a merge.

#include <optional>
#include <vector>

#include "merge/plan.h"

namespace vlm {

// The factors c of an output tensor that is sum_j c_j x_j, one for each of plan.inputs, before
// inputs and result are rounded to the recipe's dtypes; nothing if the method is not linear in the
// inputs (it is for linear, task_arithmetic, passthrough and copies).
std::optional<std::vector<double>> linear_factors(const MergePlan& plan, const TensorPlan& tensor);

}  // namespace vlm
