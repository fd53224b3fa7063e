#pragma once

// What a merge will cost, told before it begins: from headers, and from a moment of the method's
// own work on made-up numbers.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "merge/plan.h"

namespace vlm {

inline constexpr std::uint64_t kProgramBytes = std::uint64_t{16} << 20U;
inline constexpr double kWrittenBytesPerSecond = 1e9;

struct PlanCost {
  std::uint64_t peak_memory_bytes = 0;  // besides mapped files: the tensors in work at a time
  std::uint64_t overflow_bytes = 0;     // beyond that, in files (core/overflow_memory.h)
  double seconds = 0;                   // with the inputs in the page cache
};

// The seconds that the plan's method takes for an operation (MergeMethod::work) on one thread; for
// an element if it does not count operations. Runs it some times on a small random tensor with the
// parameters of the plan's largest one, which takes some milliseconds, for decompositions up to a
// second, and reads no weights. 0 without a tensor that is merged.
double try_method(const MergePlan& plan);

// The time of one tensor, with the others shared out to the threads as far as it can be.
double merging_seconds(const MergePlan& plan, const TensorPlan& tensor, double seconds_of_operation,
                       std::size_t num_threads);

// The time is the method's for the work of all tensors, shared out to the threads as far as it can
// be, plus that of inputs that are merges themselves (documents of the recipe, not aligned nor
// adapted ones), plus what writing takes at 1 GB/s: a rough estimate. The memory is what
// write_checkpoint() takes. REQUIRES: at least one thread.
PlanCost estimate_cost(const MergePlan& plan, double seconds_of_operation, std::size_t num_threads);

// What the method takes for a tensor of the plan (MergeMethod::memory).
MergeMemory memory_of_method(const MergePlan& plan, const TensorPlan& tensor);

// What is held while a tensor is open: what the method takes, and values of inputs that are merges
// themselves and take memory (as Checkpoint::working_bytes()).
std::uint64_t open_tensor_bytes(const MergePlan& plan, const TensorPlan& tensor);

// Of tensors that take so many bytes each, how many are open at a time (write_checkpoint()): at
// least one, at most `most`. REQUIRES: most > 0.
std::size_t tensors_at_once(std::uint64_t bytes, std::size_t most);

// What the largest tensor holds of MergeOptions::memory beyond a budget.
std::uint64_t overflow_bytes(const MergePlan& plan, std::uint64_t budget_bytes);

// What the program takes when tensors are computed in blocks, besides open_tensor_bytes().
std::uint64_t memory_of_blocks(const MergePlan& plan, std::size_t num_threads);

// What so many threads take that have one of these each, the largest ones.
std::uint64_t sum_of_largest(std::vector<std::uint64_t> sizes_bytes, std::size_t num_threads);

// The memory if each of so many threads has one of the largest tensors as a whole: in float32 the
// values of all inputs and of the result, the result as it is stored, and what the method takes.
std::uint64_t whole_tensor_bytes(const MergePlan& plan, std::size_t num_threads);

}  // namespace vlm
