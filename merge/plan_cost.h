#pragma once

// What a merge will cost, told before it begins: from headers, and from a moment of the method's
// own work on made-up numbers.

#include <cstddef>
#include <cstdint>

#include "merge/plan.h"

namespace vlm {

struct PlanCost {
  std::uint64_t peak_memory_bytes = 0;  // besides mapped files: the tensors in work at a time
  double seconds = 0;                   // with the inputs in the page cache
};

// Reads no weights. The time is that of the method on two small random tensors with the parameters
// of the plan's largest, continued to the sizes of all tensors by a power law and divided by the
// threads, plus what writing takes at 1 GB/s; a rough estimate. Takes some milliseconds.
PlanCost estimate_cost(const MergePlan& plan, std::size_t num_threads);

}  // namespace vlm
