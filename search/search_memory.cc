#include "search/search_memory.h"

#include <algorithm>

#include "merge/merged_checkpoint.h"
#include "merge/plan_cost.h"

namespace vlm {
namespace {

// Of what is left. Tensors and rankings that are remembered make merging some times faster; fewer
// questions at a time cost less.
constexpr std::size_t kSourceShare = 2;

// A candidate is loaded while others are answered. With a cache, a thread that merges a tensor has
// all of its inputs in memory, which the cache need not have room for.
MemoryPlan plan_of_search(const SearchPlan& search, const SearchConfig& config,
                          std::size_t num_threads, std::size_t workers) {
  const MergedCheckpoint first(search.first_merge, {config.optimizer.seed, nullptr, false});
  MemoryPlan plan = plan_memory(first, config.weights, num_threads,
                                {workers, search.changes_features ? workers : 1});
  plan.loading_bytes += whole_tensor_bytes(search.first_merge, std::max(num_threads, workers));
  plan.working_bytes += plan.loading_bytes;
  return plan;
}

}  // namespace

SearchMemory share_search_memory(const SearchConfig& config, const SearchPlan& plan,
                                 std::size_t num_threads, std::size_t workers,
                                 std::size_t least_cache_bytes) {
  SearchMemory memory;
  memory.workers = workers;
  if (!config.memory_bytes) {
    if (plan.changes_features) memory.shares.picture_bytes /= workers;
    return memory;
  }
  const auto plan_for = [&](std::size_t count) {
    return plan_of_search(plan, config, num_threads, count);
  };
  const auto fits = [&](std::size_t count) {
    return least_budget_bytes(plan_for(count), least_cache_bytes) <= *config.memory_bytes;
  };
  while (memory.workers > 1 && !fits(memory.workers)) --memory.workers;
  const MemoryPlan needed = plan_for(memory.workers);
  const MemoryShares all = share_memory(needed, *config.memory_bytes, least_cache_bytes);
  const std::size_t left = memory.workers * (all.cache_bytes - least_cache_bytes);
  memory.source_bytes = std::min(memory.source_bytes, left / kSourceShare);
  memory.shares =
      share_memory(needed, *config.memory_bytes - memory.source_bytes, least_cache_bytes);
  return memory;
}

}  // namespace vlm
