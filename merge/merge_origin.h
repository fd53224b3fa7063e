#pragma once

// What the values of a merged tensor follow from.

#include <cstdint>
#include <string>

#include "merge/plan.h"

namespace vlm {

// Checkpoint::origin() of a tensor of a merge with this seed of random masks: its place in the
// result, the method and its parameters, and the origins of all that it is made of.
std::string merge_origin(const MergePlan& plan, const TensorPlan& tensor, std::uint64_t seed);

}  // namespace vlm
