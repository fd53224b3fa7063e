#pragma once

// Which entries of the models' deltas are the largest, found over all threads.

#include <cstddef>
#include <span>
#include <vector>

#include "core/thread_pool.h"
#include "merge/kernels/magnitude.h"
#include "merge/method.h"

namespace vlm {

struct WantedCut {
  std::size_t model = 0;  // index into TensorMerge::models
  std::size_t k = 0;      // entries that stay, 0 < k <= n
};

// The exact cuts that keep the k largest of a model's delta, parallel to `wanted`. Reads the deltas
// about twice: a sample tells between which magnitudes a cut is, one pass counts what is above and
// collects what is between them; a delta that deceives its sample is read four times more. Where
// the model remembers, the ranking of the delta is made and remembered instead, so that a search's
// next candidate need not look at the delta again.
std::vector<MagnitudeCut> find_delta_cuts(const TensorMerge& task,
                                          std::span<const WantedCut> wanted, ThreadPool& pool);

}  // namespace vlm
