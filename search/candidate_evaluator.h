#pragma once

// One candidate of a search: numbers to recipe to merged model in memory to scores.

#include <cstdint>
#include <span>

#include "checkpoint/checkpoint.h"
#include "core/thread_pool.h"
#include "eval/metrics.h"
#include "model/image_features.h"
#include "model/model.h"
#include "search/objective_data.h"
#include "search/study_records.h"

namespace vlm {

enum class ItemPart : std::uint8_t { kFitted, kHeldOut };

// Owns the memory of one merged language model and reuses it from candidate to candidate.
// One per worker; not thread-safe.
class CandidateEvaluator {
 public:
  // `first` is any candidate's merge, for the shapes. `images` is null for text models. All
  // references must outlive this object.
  CandidateEvaluator(const Checkpoint& first, const SharedModelParts& shared,
                     ImageFeatureCache* images, const MetricScorer& scorer, WeightFormat weights,
                     ThreadPool& pool);

  // Merges and answers the items of one part. The fitness, values[0], is the weighted mean of the
  // objectives, whose own means are attributes named "BENCHMARK METRIC".
  // Throws Error for a candidate that cannot be merged or run.
  Evaluation evaluate(const Checkpoint& candidate, std::span<const ObjectiveData> objectives,
                      ItemPart part);

 private:
  const MetricScorer* scorer_;
  ImageFeatureCache* images_;
  ThreadPool* pool_;
  Model model_;
};

}  // namespace vlm
