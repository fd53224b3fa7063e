// A search whose genes reach vision tower and projector.

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "eval/model_answers.h"
#include "eval/runner.h"
#include "merge/plan_cost.h"
#include "merge/recipe_parser.h"
#include "model/model.h"
#include "search/model_source.h"
#include "search/objective_data.h"
#include "search/search_memory.h"
#include "search/search_plan.h"
#include "search/search_run.h"
#include "search/study_store.h"
#include "tests/checkpoint/temporary_directory.h"

namespace vlm {
namespace {

const std::filesystem::path kProject = VLM_PROJECT_DIR;

// Weights other than 1 scale a tower and a projector, so each candidate sees in its own way.
std::string search_of(const std::string& tower, const std::string& projector) {
  return R"(study: tower
recipe:
  merge_method: linear
  parameters: {normalize: false}
  components:
    text: {models: [{model: zoo/models/en-vlm, parameters: {weight: 1}}]}
    vision: {models: [{model: zoo/models/en-vlm, parameters: {weight: )" +
         tower + R"(}}]}
    projector: {models: [{model: zoo/models/en-vlm, parameters: {weight: )" +
         projector + R"(}}]}
  dtype: float32
optimizer: {population: 4, trials: 5, seed: 7}
objectives: [{benchmark: en-emoji-vqa/search, metric: rougeL, limit: 4}]
)";
}

const std::string kTowerGene = "{gene: tower, low: 0.5, high: 1.2}";
const std::string kProjectorGene = "{gene: projector, low: 0.2, high: 2}";

// The parameter: the weight of the tower.
class TowerSearch : public testing::TestWithParam<std::string> {
 protected:
  // The trials of a run, and what their items were answered.
  struct Found {
    std::vector<Trial> trials;
    std::vector<std::vector<std::string>> answers;
  };

  [[nodiscard]] Found run(std::size_t workers) const {
    SearchOptions options;
    options.study_file = folder.path() / (std::to_string(workers) + ".db");
    options.data_root = kProject;
    options.num_threads = 2;
    options.workers = workers;
    run_search(search, options);
    const StudyStore store = StudyStore::open(options.study_file, "tower");
    Found found{store.trials(), {}};
    for (const Trial& trial : found.trials) {
      found.answers.emplace_back();
      for (const ItemOutcome& item : store.items(trial.id)) {
        found.answers.back().push_back(item.prediction);
      }
    }
    return found;
  }

  TemporaryDirectory folder;
  SearchConfig search =
      parse_search_config(search_of(GetParam(), kProjectorGene), kProject / "search.yaml");
};

TEST_P(TowerSearch, EachCandidateSeesWithItsOwnTowerAndProjector) {
  const Found found = run(1);
  ThreadPool pool(2);
  ModelPool models = make_model_pool(search.folder);
  const SearchPlan plan = plan_search(search, models);
  ASSERT_EQ(plan.feature_changes,
            GetParam() == kTowerGene ? FeatureChanges::kTower : FeatureChanges::kProjector);
  const auto objectives = load_objectives(search.objectives, search.holdout, 7, kProject);
  const LanguageIdentifier identifier(language_model_path(kProject));
  const MetricScorer scorer(identifier);
  std::size_t complete = 0;
  for (std::size_t i = 0; i < found.trials.size(); ++i) {
    if (found.trials[i].state != TrialState::kComplete) continue;
    ++complete;
    const std::string recipe = recipe_of(plan.recipe, found.trials[i].parameters, search.where);
    const MergedCheckpoint merged(make_merge_plan(parse_recipe(recipe, search.where), models), {});
    const Model model(merged, pool);
    ImageFeatureCache images(model.shared_parts().vision);
    const BenchmarkResult result = run_benchmark(objectives[0].task, objectives[0].fitted,
                                                 answers_of(model, &images, pool), scorer, pool);
    EXPECT_EQ(found.trials[i].values, std::vector{result.metrics.front().mean}) << i;
    for (std::size_t item = 0; item < result.samples.size(); ++item) {
      EXPECT_EQ(found.answers[i].at(item), result.samples[item].prediction) << i << " " << item;
    }
  }
  EXPECT_EQ(complete, 5U);
  EXPECT_GT(std::set(found.answers.begin(), found.answers.end()).size(), 1U);
}

TEST_P(TowerSearch, WorkersChangeNothing) {
  const Found one = run(1);
  const Found two = run(2);
  EXPECT_EQ(one.answers, two.answers);
  ASSERT_EQ(one.trials.size(), two.trials.size());
  for (std::size_t i = 0; i < one.trials.size(); ++i) {
    EXPECT_EQ(one.trials[i].parameters, two.trials[i].parameters);
    EXPECT_EQ(one.trials[i].values, two.trials[i].values);
  }
}

INSTANTIATE_TEST_SUITE_P(WithAndWithoutGene, TowerSearch, testing::Values(kTowerGene, "0.9"));

class TowerSearchMemory : public testing::Test {
 protected:
  SearchMemory share(FeatureChanges changes, std::size_t workers) {
    plan.feature_changes = changes;
    return share_search_memory(search, plan, 2, workers);
  }

  SearchConfig search =
      parse_search_config(search_of(kTowerGene, kProjectorGene), kProject / "search.yaml");
  ModelPool models = make_model_pool(search.folder);
  SearchPlan plan = plan_search(search, models);
};

TEST_F(TowerSearchMemory, ABudgetCountsWhatEachWorkerHasOfItsOwn) {
  search.memory_bytes = 400'000'000;
  const std::size_t own_towers = share(FeatureChanges::kTower, 16).workers;
  const std::size_t own_projectors = share(FeatureChanges::kProjector, 16).workers;
  EXPECT_LT(own_towers, own_projectors);
  EXPECT_LE(own_projectors, share(FeatureChanges::kNone, 16).workers);
}

TEST_F(TowerSearchMemory, WithoutABudgetWorkersShareTheUsualBound) {
  constexpr std::size_t kAll = ImageFeatureCache::kHeldBytes;
  const SearchMemory own_towers = share(FeatureChanges::kTower, 4);
  EXPECT_EQ(own_towers.seen_bytes, 0U);
  EXPECT_EQ(own_towers.shares.picture_bytes, kAll / 4);
  const SearchMemory own_projectors = share(FeatureChanges::kProjector, 4);
  EXPECT_EQ(own_projectors.seen_bytes, kAll / 2);
  EXPECT_EQ(own_projectors.shares.picture_bytes, kAll / 8);
  EXPECT_EQ(share(FeatureChanges::kNone, 4).shares.picture_bytes, kAll);
}

TEST_F(TowerSearchMemory, WhatIsSeenOfPicturesCountsInABudget) {
  constexpr std::size_t kBudget = 1'500'000'000;
  search.memory_bytes = kBudget;
  const SearchMemory memory = share(FeatureChanges::kProjector, 2);
  EXPECT_GT(memory.seen_bytes, 10'000'000U);
  const MergedCheckpoint first(plan.first_merge, {search.optimizer.seed, nullptr, false});
  const MemoryPlan needed = plan_memory(first, search.weights, 2, {2, 1, 2});
  const std::size_t merging = whole_tensor_bytes(plan.first_merge, 2);
  const std::size_t taken = needed.weight_bytes + needed.program_bytes + needed.loading_bytes +
                            needed.working_bytes + merging + memory.source_bytes +
                            memory.seen_bytes + 3 * memory.shares.picture_bytes +
                            2 * memory.shares.cache_bytes;
  EXPECT_LE(taken, kBudget);
  EXPECT_GT(taken + 10, kBudget);
}

}  // namespace
}  // namespace vlm
