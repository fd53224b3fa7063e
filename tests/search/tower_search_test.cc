// A search whose genes reach vision tower and projector.

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "eval/model_answers.h"
#include "eval/runner.h"
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
constexpr const char* kSearch = R"(study: tower
recipe:
  merge_method: linear
  parameters: {normalize: false}
  components:
    text: {models: [{model: zoo/models/en-vlm, parameters: {weight: 1}}]}
    vision:
      models:
        - {model: zoo/models/en-vlm, parameters: {weight: {gene: tower, low: 0.5, high: 1.2}}}
    projector:
      models:
        - {model: zoo/models/en-vlm, parameters: {weight: {gene: projector, low: 0.5, high: 1.5}}}
  dtype: float32
optimizer: {population: 4, trials: 5, seed: 7}
objectives: [{benchmark: en-emoji-vqa/search, metric: rougeL, limit: 4}]
)";

class TowerSearch : public testing::Test {
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
  SearchConfig search = parse_search_config(kSearch, kProject / "search.yaml");
};

TEST_F(TowerSearch, EachCandidateSeesWithItsOwnTowerAndProjector) {
  const Found found = run(1);
  ThreadPool pool(2);
  ModelPool models = make_model_pool(search.folder);
  const SearchPlan plan = plan_search(search, models);
  ASSERT_TRUE(plan.changes_features);
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
  EXPECT_GT(std::set(found.answers.begin(), found.answers.end()).size(), 2U);
}

TEST_F(TowerSearch, WorkersChangeNothing) {
  const Found one = run(1);
  const Found two = run(2);
  EXPECT_EQ(one.answers, two.answers);
  ASSERT_EQ(one.trials.size(), two.trials.size());
  for (std::size_t i = 0; i < one.trials.size(); ++i) {
    EXPECT_EQ(one.trials[i].parameters, two.trials[i].parameters);
    EXPECT_EQ(one.trials[i].values, two.trials[i].values);
  }
}

TEST_F(TowerSearch, ABudgetCountsATowerForEachWorker) {
  ModelPool models = make_model_pool(search.folder);
  SearchPlan plan = plan_search(search, models);
  search.memory_bytes = 400'000'000;
  const SearchMemory own = share_search_memory(search, plan, 2, 16);
  plan.changes_features = false;
  const SearchMemory shared = share_search_memory(search, plan, 2, 16);
  EXPECT_LT(own.workers, shared.workers);
  search.memory_bytes.reset();
  plan.changes_features = true;
  EXPECT_EQ(share_search_memory(search, plan, 2, 4).shares.picture_bytes,
            ImageFeatureCache::kHeldBytes / 4);
}

}  // namespace
}  // namespace vlm
