#pragma once

// What running a model takes in memory, foretold from the headers of its checkpoint, and what a
// budget leaves for the parts whose size can be chosen.

#include <cstddef>
#include <limits>

#include "checkpoint/checkpoint.h"
#include "model/image_features.h"
#include "tensor/weight_matrix.h"

namespace vlm {

struct MemoryPlan {
  std::size_t weight_bytes = 0;   // language model, vision tower and projector in their formats
  std::size_t loading_bytes = 0;  // besides, while weights are read
  std::size_t working_bytes = 0;  // activations, pixels, logits, the program itself
  bool sees_images = false;
};

// Pages of mapped files are not counted: the system takes them back when it needs them.
// Throws what loading the weights would throw for a wrong tensor or config.
MemoryPlan plan_memory(const Checkpoint& checkpoint, WeightFormat format, std::size_t num_threads);

// Without a budget: no bound for keys and values, the usual one for pictures.
struct MemoryShares {
  std::size_t picture_bytes = ImageFeatureCache::kHeldBytes;          // ImageFeatureCache
  std::size_t cache_bytes = std::numeric_limits<std::size_t>::max();  // BatchOptions
};

// Throws Error{kInvalidArgument} with the numbers if the budget does not hold the plan.
MemoryShares share_memory(const MemoryPlan& plan, std::size_t budget_bytes);

}  // namespace vlm
