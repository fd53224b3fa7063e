#pragma once

// What running models takes in memory, foretold from the headers of their checkpoint, and what a
// budget leaves for the parts whose size can be chosen.

#include <cstddef>
#include <limits>
#include <optional>
#include <string>

#include "checkpoint/checkpoint.h"
#include "model/image_features.h"
#include "tensor/weight_matrix.h"

namespace vlm {

// Models of one shape that are in memory at a time.
struct ModelCounts {
  std::size_t language_models = 1;
  std::size_t vision_towers = 1;
  std::size_t projectors = 1;  // each looks at pictures and keeps features of its own
};

struct MemoryPlan {
  ModelCounts num_models;
  std::size_t weight_bytes = 0;   // language models, vision tower and projector in their formats
  std::size_t program_bytes = 0;  // code, libraries, tokenizer
  std::size_t loading_bytes = 0;  // besides, while weights are read
  std::size_t working_bytes = 0;  // besides, while models run: activations, pixels, logits
  bool sees_images = false;
};

// Of so many models of a checkpoint's shape that share out the threads. Pages of mapped files are
// not counted: the system takes them back when it needs them.
// Throws what loading the weights would throw for a wrong tensor or config.
MemoryPlan plan_memory(const Checkpoint& checkpoint, WeightFormat format, std::size_t num_threads,
                       ModelCounts num_models = {});

// Without a budget: no bound for keys and values, the usual one for pictures.
struct MemoryShares {
  std::size_t picture_bytes = ImageFeatureCache::kHeldBytes;          // ImageFeatureCache
  std::size_t cache_bytes = std::numeric_limits<std::size_t>::max();  // BatchOptions, of a model
};

// The smallest budget that holds the plan with so many bytes of keys and values for each model.
std::size_t least_budget_bytes(const MemoryPlan& plan, std::size_t least_cache_bytes = 0) noexcept;

// At least `least_cache_bytes` of each model's share are for keys and values.
// Throws Error{kInvalidArgument} with the numbers if the budget does not hold the plan.
MemoryShares share_memory(const MemoryPlan& plan, std::size_t budget_bytes,
                          std::size_t least_cache_bytes = 0);

// The shares of one model. Throws what plan_memory() and share_memory() throw.
MemoryShares memory_shares(const std::optional<std::size_t>& budget_bytes,
                           const Checkpoint& checkpoint, WeightFormat format,
                           std::size_t num_threads);

}  // namespace vlm
