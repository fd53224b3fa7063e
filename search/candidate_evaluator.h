#pragma once

// One candidate of a search: numbers to recipe to merged model in memory to scores.

#include <cstdint>
#include <memory>

#include "checkpoint/checkpoint.h"
#include "core/thread_pool.h"
#include "model/image_features.h"
#include "model/model.h"
#include "search/search_context.h"
#include "search/study_records.h"
#include "tensor/weight_matrix.h"

namespace vlm {

enum class ItemPart : std::uint8_t { kFitted, kHeldOut };

// Owns the memory of one merged language model and reuses it from candidate to candidate; of what
// these differ in when they see, also that: a projector or a vision tower with one, and the
// features of its pictures. One per worker; not thread-safe.
class CandidateEvaluator {
 public:
  // Loads the first merge. `context` and `pool` must outlive this object.
  CandidateEvaluator(SearchContext& context, WeightFormat weights, ThreadPool& pool);

  // Merges and answers the items of one part. The fitness, values[0], is the weighted mean of the
  // objectives, whose own means are attributes named "BENCHMARK METRIC".
  // Throws Error for a candidate that cannot be merged or run.
  Evaluation evaluate(const Checkpoint& candidate, ItemPart part);

 private:
  void load(const Checkpoint& candidate);

  SearchContext* context_;
  ThreadPool* pool_;
  std::shared_ptr<VisionTower> tower_;  // of the candidate alone; null if all see alike
  Model model_;
  std::unique_ptr<ImageFeatureCache> images_;  // of the candidate alone
};

}  // namespace vlm
