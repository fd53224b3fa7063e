#include "search/search_memory.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "merge/plan_cost.h"
#include "search/model_source.h"
#include "search/search_run.h"
#include "tests/checkpoint/temporary_directory.h"
#include "tests/error_message.h"

namespace vlm {
namespace {

using testing::HasSubstr;

constexpr std::size_t kThreads = 2;
constexpr std::size_t kLeast = 20'000'000;

constexpr const char* kSearch = R"(study: tiny
recipe:
  vlm: zoo/models/en-vlm
  base_model: zoo/models/base-lm
  merge_method: task_arithmetic
  models:
    - {model: zoo/models/en-vlm, parameters: {weight: {gene: vlm}}}
    - {model: zoo/models/ja-lm, parameters: {weight: {gene: ja}}}
  dtype: float32
optimizer: {trials: 5}
objectives: [{benchmark: ja-emoji-vqa/search, metric: rougeL_ja}]
)";

class ShareSearchMemory : public testing::Test {
 protected:
  ShareSearchMemory()
      : config(parse_search_config(kSearch, std::filesystem::path(VLM_PROJECT_DIR) / "s.yaml")),
        models(make_model_pool(config.folder)),
        plan(plan_search(config, models)) {}

  SearchMemory share(std::size_t budget_bytes, std::size_t workers) {
    config.memory_bytes = budget_bytes;
    return share_search_memory(config, plan, kThreads, workers, kLeast);
  }

  // What so many workers take with the shares they have.
  std::size_t taken(const SearchMemory& memory) {
    const MergedCheckpoint first(plan.first_merge, {config.optimizer.seed, nullptr, false});
    const MemoryPlan needed = plan_memory(first, config.weights, kThreads, {memory.workers, 1, 1});
    const std::size_t merging =
        whole_tensor_bytes(plan.first_merge, std::max(kThreads, memory.workers));
    return needed.weight_bytes + needed.program_bytes + needed.loading_bytes +
           needed.working_bytes + merging + memory.source_bytes +
           memory.shares.picture_bytes / 2 * (2 + memory.workers) +
           memory.workers * memory.shares.cache_bytes;
  }

  SearchConfig config;
  ModelPool models;
  SearchPlan plan;
};

TEST_F(ShareSearchMemory, WithoutABudgetNothingIsBound) {
  const SearchMemory memory = share_search_memory(config, plan, kThreads, 7, kLeast);
  EXPECT_EQ(memory.workers, 7U);
  EXPECT_EQ(memory.source_bytes, std::size_t{2} << 30U);
  EXPECT_EQ(memory.shares.cache_bytes, std::numeric_limits<std::size_t>::max());
}

TEST_F(ShareSearchMemory, SharesAddUpToTheBudget) {
  for (const std::size_t workers : {1U, 3U}) {
    constexpr std::size_t kBudget = 1'500'000'000;
    const SearchMemory memory = share(kBudget, workers);
    EXPECT_EQ(memory.workers, workers);
    EXPECT_GT(memory.source_bytes, 100'000'000U);
    EXPECT_GT(memory.shares.picture_bytes, 10'000'000U);
    EXPECT_LE(taken(memory), kBudget);
    EXPECT_GT(taken(memory) + 10, kBudget);
  }
}

TEST_F(ShareSearchMemory, AsManyWorkersAsFit) {
  std::size_t budget = 100'000'000;
  constexpr std::size_t kStep = 1'000'000;
  while (error_message([&] { share(budget, 4); }) != "no error") budget += kStep;
  EXPECT_EQ(share(budget, 4).workers, 1U);
  std::size_t workers = 1;
  for (; workers < 4; budget += kStep) {
    const SearchMemory memory = share(budget, 4);
    ASSERT_GE(memory.workers, workers) << budget;
    ASSERT_LE(memory.workers, workers + 1) << budget;
    ASSERT_GE(memory.shares.cache_bytes, kLeast) << budget;
    workers = memory.workers;
  }
  EXPECT_LT(budget, 500'000'000U);
}

TEST_F(ShareSearchMemory, TooLittleForOneWorkerIsRefusedWithTheNumbers) {
  EXPECT_THAT(error_message([&] { share(100'000'000, 2); }), HasSubstr(": allowed are 100 MB"));
}

TEST_F(ShareSearchMemory, ABudgetIsPartOfAStudyThatRoundsWeights) {
  const TemporaryDirectory folder;
  SearchOptions run;
  run.study_file = folder.path() / "study.db";
  run.data_root = VLM_PROJECT_DIR;
  config.optimizer.trials = 1;
  config.objectives[0].limit = 2;
  config.weights = WeightFormat::kBfloat16;
  config.memory_bytes = 500'000'000;
  run_search(config, run);
  run.resume = true;
  config.memory_bytes = 600'000'000;
  EXPECT_THAT(error_message([&] { run_search(config, run); }),
              HasSubstr("memory: study has 500000000 bytes for 1 workers, this run has 600000000"));
}

}  // namespace
}  // namespace vlm
