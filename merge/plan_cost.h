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

// How long the plan's method takes for one tensor of 256 * 256 elements on one thread, and by which
// power of the elements that grows. Without a tensor that is merged: nothing.
struct MethodSpeed {
  double seconds = 0;
  double exponent = 1;  // 1 ... 1.5
};

// Runs the method some times on one or two small random tensors with the parameters of the plan's
// largest one; takes some milliseconds and reads no weights.
MethodSpeed try_method(const MergePlan& plan);

// The time is the method's, continued to the sizes of all tensors and divided by the threads, plus
// what writing takes at 1 GB/s: a rough estimate. The memory is what write_checkpoint() takes.
PlanCost estimate_cost(const MergePlan& plan, const MethodSpeed& speed, std::size_t num_threads);

// What the method takes for a tensor of the plan (MergeMethod::memory).
MergeMemory memory_of_method(const MergePlan& plan, const TensorPlan& tensor);

// Memory of the largest tensors if each of so many threads has one as a whole: in float32 the
// values of all inputs and of the result, the result as it is stored, and what the method takes.
std::uint64_t whole_tensor_bytes(const MergePlan& plan, std::size_t num_threads);

}  // namespace vlm
