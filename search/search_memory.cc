#include "search/search_memory.h"

#include <algorithm>
#include <utility>

#include "merge/merged_checkpoint.h"
#include "merge/plan_cost.h"

namespace vlm {
namespace {

// Of what is left. Tensors and rankings that are remembered make merging some times faster; fewer
// questions at a time cost less.
constexpr std::size_t kSourceShare = 2;
constexpr std::size_t kSeenShare = 4;
constexpr std::size_t kSeenBytes = ImageFeatureCache::kHeldBytes / 2;  // at most

ModelCounts counts_of(const SearchPlan& search, std::size_t workers) {
  const FeatureChanges changes = search.feature_changes;
  return {.language_models = workers,
          .vision_towers = changes == FeatureChanges::kTower ? workers : 1,
          .projectors = changes == FeatureChanges::kNone ? 1 : workers};
}

SearchMemory without_budget(const SearchPlan& plan, std::size_t workers) {
  SearchMemory memory;
  memory.workers = workers;
  const bool looks_once = plan.feature_changes == FeatureChanges::kProjector;
  if (looks_once) memory.seen_bytes = kSeenBytes;
  if (plan.feature_changes != FeatureChanges::kNone) {
    memory.shares.picture_bytes = (memory.shares.picture_bytes - memory.seen_bytes) / workers;
  }
  return memory;
}

// A candidate is loaded while others are answered. With a cache, a thread that merges a tensor has
// all of its inputs in memory, which the cache need not have room for.
MemoryPlan plan_of_search(const SearchPlan& search, const SearchConfig& config,
                          std::size_t num_threads, std::size_t workers) {
  const MergedCheckpoint first(search.first_merge, {config.optimizer.seed, nullptr, false});
  MemoryPlan plan = plan_memory(first, config.weights, num_threads, counts_of(search, workers));
  plan.loading_bytes += whole_tensor_bytes(search.first_merge, std::max(num_threads, workers));
  plan.working_bytes += plan.loading_bytes;
  return plan;
}

}  // namespace

SearchMemory share_search_memory(const SearchConfig& config, const SearchPlan& plan,
                                 std::size_t num_threads, std::size_t workers,
                                 std::size_t least_cache_bytes) {
  SearchMemory memory = without_budget(plan, workers);
  if (!config.memory_bytes) return memory;
  const auto plan_for = [&](std::size_t count) {
    return plan_of_search(plan, config, num_threads, count);
  };
  const auto fits = [&](std::size_t count) {
    return least_budget_bytes(plan_for(count), least_cache_bytes) <= *config.memory_bytes;
  };
  while (memory.workers > 1 && !fits(memory.workers)) --memory.workers;
  const MemoryPlan needed = plan_for(memory.workers);
  const auto share = [&] {
    const std::size_t kept_bytes = memory.source_bytes + memory.seen_bytes;
    return share_memory(needed, *config.memory_bytes - kept_bytes, least_cache_bytes);
  };
  // What so far would be for keys and values beyond the least.
  const auto left = [&] { return memory.workers * (share().cache_bytes - least_cache_bytes); };
  const std::size_t most_seen = std::exchange(memory.seen_bytes, 0);
  const std::size_t most_source = std::exchange(memory.source_bytes, 0);
  memory.source_bytes = std::min(most_source, left() / kSourceShare);
  memory.seen_bytes = std::min(most_seen, left() / kSeenShare);
  memory.shares = share();
  return memory;
}

}  // namespace vlm
