#pragma once

// Which entries of the models' deltas, or of other quantities of a tensor, are the largest, found
// over all threads.

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "core/thread_pool.h"
#include "merge/kernels/magnitude.h"
#include "merge/method.h"

namespace vlm {

// Shows a quantity of elements [first, first + size) until it is called again. For one thread.
using ReadBlock = std::function<std::span<const float>(std::size_t first, std::size_t size)>;

// One number for each element of a tensor, which is made when it is read: opens it for blocks of up
// to `largest` elements. Thread-safe.
using Quantity = std::function<ReadBlock(std::size_t largest)>;

struct WantedCut {
  std::size_t quantity = 0;  // which of them; of deltas an index into TensorMerge::models
  std::size_t k = 0;         // entries that stay, 0 < k <= n
};

// The exact cuts that keep the k largest of a quantity of `elements` elements, parallel to
// `wanted`. Reads it about once: a sample tells between which magnitudes a cut is, one pass counts
// what is above and collects what is between them; a quantity that deceives its sample is read four
// times more.
std::vector<MagnitudeCut> find_cuts(std::size_t elements, std::span<const Quantity> quantities,
                                    std::span<const WantedCut> wanted, ThreadPool& pool);

// The same of the models' deltas. Where the model remembers, the ranking of the delta is made and
// remembered instead, so that a search's next candidate need not look at the delta again.
std::vector<MagnitudeCut> find_delta_cuts(const TensorMerge& task,
                                          std::span<const WantedCut> wanted, ThreadPool& pool);

}  // namespace vlm
