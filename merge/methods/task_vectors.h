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

#include "merge/kernels/magnitude.h"
#include "merge/method.h"

namespace vlm {

// Zeroes what a method drops from one block of a delta: `block` holds elements [first, first +
// size) of values - base. Empty: everything stays. Called from one thread.
using BlockFilter = std::function<void(std::size_t first, std::span<float> block)>;

// Prepares the filter of one model's delta.
using MakeFilter = std::function<BlockFilter(const TensorMerge& task, const ModelTensor& model)>;

// A filter that keeps nothing.
void drop_all(std::size_t first, std::span<float> block);

// Finds which entries of a model's delta are the largest. Remembers the ranking where the model
// remembers, so that a search's next candidate need not look at the delta again.
class DeltaRanks {
 public:
  DeltaRanks(const TensorMerge& task, const ModelTensor& model);

  // The cut that keeps the k largest. REQUIRES: 0 < k <= n.
  [[nodiscard]] MagnitudeCut cut(std::size_t k) const;

 private:
  std::span<const float> values_;
  std::span<const float> base_;
  std::shared_ptr<const Words> ranking_;  // may be null
};

enum class Consensus : std::uint8_t {
  kNone,  // all entries count
  kSum    // TIES: only entries whose sign is that of the weighted sum (sum 0: positive)
};

struct TaskVectorSteps {
  MakeFilter make_filter = nullptr;  // null: nothing is dropped
  Consensus consensus = Consensus::kNone;
};

// out = base + lambda * m, with p_i = w_i * sparse(x_i - base) and
// m = sum of the p_i that the consensus keeps; with `normalize` divided by the sum of their w_i
// (0 counts as 1). With `rescale: true` a sparse delta is multiplied so that its L1 norm is that of
// the full one, unless either norm is below 1e-7; `inverse` is the filter's own business. Reads the
// parameters weight (per model), lambda, normalize, rescale (global).
void merge_task_vectors(const TensorMerge& task, const TaskVectorSteps& steps,
                        std::span<float> out);

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
