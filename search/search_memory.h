#pragma once

// How a search shares out the memory it may take: fewer candidates at a time, fewer tensors and
// pictures remembered, fewer questions answered together.

#include <cstddef>

#include "model/memory_plan.h"
#include "search/search_config.h"
#include "search/search_plan.h"

namespace vlm {

struct SearchMemory {
  std::size_t workers = 1;                           // candidates at a time
  std::size_t source_bytes = std::size_t{2} << 30U;  // SourceCache, at most
  std::size_t seen_bytes = 0;  // SeenPictureCache, if candidates differ in their projectors alone
  // Pictures of all workers, or of each if candidates differ in features; cache of each.
  MemoryShares shares;
};

// For at most `workers` candidates at a time, each with room for `least_cache_bytes` of keys and
// values. Without config.memory_bytes: all of them, and the usual bounds. Reads headers only.
// Throws what plan_memory() and, if even one candidate does not fit, share_memory() throw.
SearchMemory share_search_memory(const SearchConfig& config, const SearchPlan& plan,
                                 std::size_t num_threads, std::size_t workers,
                                 std::size_t least_cache_bytes = 0);

}  // namespace vlm
