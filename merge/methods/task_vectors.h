#pragma once

// What all methods of the task-arithmetic family share: take the delta of each model from the base,
// set most of its entries to zero (sparsify), combine the deltas by their weights, add the result
// to the base. Ilharco et al., ICLR 2023; the steps are those of mergekit's "generalized task
// arithmetic".

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "merge/method.h"
#include "merge/methods/delta_filter.h"

namespace vlm {

using MakeFilters = std::function<DeltaFilters(const TensorMerge& task, ThreadPool& pool)>;

// The length of a tensor's rows, at least 1.
std::size_t row_size(const TensorMerge& task);

enum class Consensus : std::uint8_t {
  kNone,  // all entries count
  kSum    // TIES: only entries whose sign is that of the weighted sum (sum 0: positive)
};

struct TaskVectorSteps {
  MakeFilters make_filters = nullptr;  // null: nothing is dropped
  Consensus consensus = Consensus::kNone;
};

// out = base + lambda * m, with p_i = w_i * sparse(x_i - base) and
// m = sum of the p_i that the consensus keeps; with `normalize` divided by the sum of their w_i
// (one of 0 counts as 1; without consensus one below kSmallestDivisor). With `rescale: true` a
// sparse delta is multiplied so that its L1 norm is that of the full one, unless either norm is
// below 1e-7; `inverse` is the filter's own business. Reads the parameters weight (per model),
// lambda, normalize, rescale (global).
StartMerge start_task_vectors(const TaskVectorSteps& steps);

// Values of the parameter `rescale`.
inline constexpr double kRescaleL1 = 1;
inline constexpr double kRescaleInverse = 2;  // divide a kept entry by the probability to keep it

struct TaskVectorDefaults {
  bool normalize = false;
  bool rescale = false;
  bool offers_inverse = false;  // `rescale: inverse`
};

// The parameters that the family shares: weight, density, normalize, rescale, lambda, int8_mask.
std::vector<ParameterSpec> task_vector_parameters(TaskVectorDefaults defaults);

}  // namespace vlm
