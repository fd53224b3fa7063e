#pragma once

// Reading what a merge is made of: values as the recipe wants them, proven to be numbers.

#include <cstddef>
#include <optional>
#include <span>

#include "merge/plan.h"

namespace vlm {

struct SourceRules {
  std::optional<DType> rounding;  // mergekit's `dtype`: inputs are rounded when they are read
  bool allow_nan = false;         // lets infinities and NaN pass
};

// Elements [first, first + out.size()) of an input's tensor as float32, rounded. Works through them
// in blocks that stay in the cache, so that looking for NaN costs no pass over memory.
// Throws Error{kCorruptFile} naming model, tensor, position and value of the first infinity or NaN,
// also of one that rounding makes, and what Checkpoint::read throws. Thread-safe.
void read_source(const PlanInput& input, const TensorInfo& info, const SourceRules& rules,
                 std::size_t first, std::span<float> out);

}  // namespace vlm
