// Tiny searches on the bundled models, from the search file to the best recipe.

#include "search/search_run.h"

#include <array>
#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "core/error.h"
#include "core/files.h"
#include "core/version.h"
#include "search/study_lock.h"
#include "search/study_store.h"
#include "tests/error_message.h"

namespace vlm {
namespace {

using testing::HasSubstr;

const std::filesystem::path kProject = VLM_PROJECT_DIR;

// A search over two genes; the items are few and the answers short.
constexpr const char* kMathSearch = R"(study: tiny
recipe:
  base_model: zoo/models/base-lm
  merge_method: task_arithmetic
  models:
    - {model: zoo/models/math-lm, parameters: {weight: {gene: math, low: 0, high: 1.5}}}
    - {model: zoo/models/ja-lm, parameters: {weight: {gene: ja, low: 0, high: 1.5}}}
  dtype: float32
optimizer: {population: 4, trials: 6, seed: 7}
objectives: [{benchmark: ja-math/search, metric: rougeL_ja, limit: 6}]
)";

constexpr const char* kVisionSearch = R"(study: tiny-vlm
recipe:
  vlm: zoo/models/en-vlm
  base_model: zoo/models/base-lm
  merge_method: task_arithmetic
  models:
    - {model: zoo/models/en-vlm, parameters: {weight: {gene: vlm, per: module}}}
    - {model: zoo/models/ja-lm, parameters: {weight: {gene: ja, low: 0, high: 1.5}}}
  dtype: float32
optimizer: {population: 4, trials: 5, seed: 7}
objectives:
  - {benchmark: ja-emoji-vqa/search, metric: rougeL_ja, limit: 3}
  - {benchmark: en-emoji-vqa/search, metric: rougeL, limit: 2, weight: 2}
)";

// Everything of a study that must not depend on how it was run.
struct StudyContent {
  std::vector<std::map<std::string, double>> parameters;
  std::vector<TrialState> states;
  std::vector<std::vector<double>> values;
  std::vector<std::string> items;  // benchmark, id, score and prediction of all trials
};

std::string line_of(const Trial& trial, const ItemOutcome& item) {
  return std::to_string(trial.number) + " " + item.benchmark + " " + item.item_id + " " +
         std::to_string(item.score) + " " + item.prediction;
}

bool same(const StudyContent& a, const StudyContent& b) {
  return a.parameters == b.parameters && a.states == b.states && a.values == b.values &&
         a.items == b.items;
}

class SearchRun : public testing::Test {
 protected:
  SearchRun() { std::filesystem::create_directories(folder); }
  ~SearchRun() override { std::filesystem::remove_all(folder); }
  SearchRun(const SearchRun&) = delete;
  SearchRun& operator=(const SearchRun&) = delete;
  SearchRun(SearchRun&&) = delete;
  SearchRun& operator=(SearchRun&&) = delete;

  // The models are named relative to the file, which need not exist.
  static SearchConfig config(const std::string& yaml) {
    return parse_search_config(yaml, kProject / "search.yaml");
  }

  [[nodiscard]] SearchOptions options(const std::string& study) const {
    SearchOptions options;
    options.study_file = folder / (study + ".db");
    options.data_root = kProject;
    options.num_threads = 2;
    return options;
  }

  static StudyContent content(const SearchOptions& options, const std::string& study) {
    const StudyStore store = StudyStore::open(options.study_file, study);
    StudyContent content;
    for (const Trial& trial : store.trials()) {
      content.parameters.push_back(trial.parameters);
      content.states.push_back(trial.state);
      content.values.push_back(trial.values);
      for (const ItemOutcome& item : store.items(trial.id)) {
        content.items.push_back(line_of(trial, item));
      }
    }
    return content;
  }

  static std::string message_of(const SearchConfig& config, const SearchOptions& options) {
    return error_message([&] { run_search(config, options); });
  }

  std::filesystem::path folder = std::filesystem::temp_directory_path() /
                                 ("vlm_search_" + std::to_string(::getpid()) + "_" +
                                  testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(SearchRun, SameSeedGivesTheSameStudyWithAnyThreadsAndWorkers) {
  const SearchConfig search = config(kVisionSearch);
  SearchOptions first = options("first");
  const SearchOutcome outcome = run_search(search, first);
  const StudyContent expected = content(first, "tiny-vlm");
  EXPECT_EQ(outcome.trials_done, 5U);
  EXPECT_EQ(outcome.trials_failed, 0U);
  EXPECT_EQ(expected.items.size(), 5U * 5U);
  EXPECT_EQ(expected.values.size(), 8U);  // of the second generation three wait

  SearchOptions one_thread = options("one_thread");
  one_thread.num_threads = 1;
  EXPECT_EQ(run_search(search, one_thread).best_recipe, outcome.best_recipe);
  EXPECT_TRUE(same(content(one_thread, "tiny-vlm"), expected));

  SearchOptions two_workers = options("two_workers");
  two_workers.workers = 2;
  EXPECT_EQ(run_search(search, two_workers).best_recipe, outcome.best_recipe);
  EXPECT_TRUE(same(content(two_workers, "tiny-vlm"), expected));
}

TEST_F(SearchRun, ABudgetChangesNoResult) {
  SearchConfig search = config(kVisionSearch);
  search.optimizer.trials = 2;
  const SearchOutcome expected = run_search(search, options("usual"));
  search.memory_bytes = 220'000'000;
  SearchOptions bound = options("bound");
  bound.workers = 8;
  const SearchOutcome outcome = run_search(search, bound);
  EXPECT_LT(outcome.workers, 8U);
  EXPECT_EQ(outcome.trials_failed, 0U);
  EXPECT_EQ(outcome.best_recipe, expected.best_recipe);
  EXPECT_TRUE(same(content(bound, "tiny-vlm"), content(options("usual"), "tiny-vlm")));

  search.memory_bytes = 120'000'000;
  EXPECT_THAT(message_of(search, options("too_little")), HasSubstr("allowed are 120 MB"));
  EXPECT_FALSE(std::filesystem::exists(options("too_little").study_file));
}

TEST_F(SearchRun, FitnessIsTheWeightedMeanOfTheItemScores) {
  SearchConfig search = config(kVisionSearch);
  search.optimizer.trials = 1;
  const SearchOptions run = options("fitness");
  const SearchOutcome outcome = run_search(search, run);
  const StudyStore store = StudyStore::open(run.study_file, "tiny-vlm");
  double japanese = 0.0;
  double english = 0.0;
  for (const ItemOutcome& item : store.items(outcome.best.id)) {
    if (item.benchmark == "ja-emoji-vqa/search") japanese += item.score / 3.0;
    if (item.benchmark == "en-emoji-vqa/search") english += item.score / 2.0;
  }
  EXPECT_NEAR(outcome.best.values.at(0), (japanese + 2.0 * english) / 3.0, 1e-12);
  const Json& mean = outcome.best.attributes.at("en-emoji-vqa/search rougeL");
  EXPECT_NEAR(mean.get<double>(), english, 1e-12);
}

TEST_F(SearchRun, AGreedySoupTriesEachModelAloneAndThenBoth) {
  SearchConfig search = config(kMathSearch);
  search.optimizer = {.name = "greedy-soup", .population = 0, .sigma = 0.1, .trials = 9, .seed = 7};
  SearchOptions run = options("soup");
  std::size_t done = 0;
  run.progress = [&](const ProgressEvent& event) { done = event.done; };
  run.stop_requested = [&] { return done >= 1; };
  EXPECT_THAT(message_of(search, run), HasSubstr("1 of 9 trials done"));
  run.resume = true;
  run.stop_requested = {};
  const SearchOutcome outcome = run_search(search, run);
  EXPECT_EQ(outcome.trials_done, 3U);
  ASSERT_TRUE(outcome.stopped_early.has_value());
  EXPECT_EQ(outcome.stopped_early->name, "all_models_tried");
  using Point = std::map<std::string, double>;
  EXPECT_THAT(content(run, "tiny").parameters,
              testing::ElementsAre(Point{{"math", 1.5}, {"ja", 0}}, Point{{"math", 0}, {"ja", 1.5}},
                                   Point{{"math", 1.5}, {"ja", 1.5}}));
}

TEST_F(SearchRun, InterruptedAndResumedEqualsUninterrupted) {
  const SearchConfig search = config(kMathSearch);
  const SearchOptions whole = options("whole");
  const SearchOutcome expected = run_search(search, whole);

  SearchOptions parts = options("parts");
  std::size_t done = 0;
  for (const std::size_t stop_after : {2U, 5U}) {
    done = 0;
    parts.progress = [&](const ProgressEvent& event) { done = event.done; };
    parts.stop_requested = [&] { return done >= stop_after; };
    EXPECT_THAT(message_of(search, parts), HasSubstr(std::to_string(stop_after) +
                                                     " of 6 trials done (continue with --resume)"));
    parts.resume = true;
  }
  parts.stop_requested = {};
  const SearchOutcome found = run_search(search, parts);
  EXPECT_TRUE(same(content(parts, "tiny"), content(whole, "tiny")));
  EXPECT_EQ(found.best_recipe, expected.best_recipe);
  EXPECT_EQ(found.best.number, expected.best.number);
}

TEST_F(SearchRun, MoreTrialsContinueAFinishedStudy) {
  SearchConfig search = config(kMathSearch);
  const SearchOptions whole = options("whole");
  run_search(search, whole);
  SearchOptions parts = options("parts");
  search.optimizer.trials = 3;
  run_search(search, parts);
  parts.resume = true;
  search.optimizer.trials = 6;
  EXPECT_EQ(run_search(search, parts).trials_done, 6U);
  EXPECT_TRUE(same(content(parts, "tiny"), content(whole, "tiny")));
  EXPECT_EQ(run_search(search, parts).trials_done, 6U);  // nothing left to do
}

TEST_F(SearchRun, TrialOfAProcessThatWasKilledOnAnotherHostIsEvaluatedAgain) {
  SearchConfig search = config(kMathSearch);
  const SearchOptions whole = options("whole");
  run_search(search, whole);
  SearchOptions parts = options("parts");
  search.optimizer.trials = 3;
  run_search(search, parts);
  ASSERT_TRUE(StudyStore::open(parts.study_file, "tiny").claim("another-host:1:1").has_value());
  parts.resume = true;
  search.optimizer.trials = 6;
  EXPECT_EQ(run_search(search, parts).trials_done, 6U);
  EXPECT_TRUE(same(content(parts, "tiny"), content(whole, "tiny")));
}

TEST_F(SearchRun, StudyThatAnotherProcessSearchesIsRefused) {
  SearchConfig search = config(kMathSearch);
  search.optimizer.trials = 1;
  SearchOptions run = options("busy");
  EXPECT_THAT(run_search(search, run).versions, testing::ElementsAre(std::string(kVersion)));
  run.resume = true;
  const StudyLock other(run.study_file, StudyStore::open(run.study_file, "tiny").id());
  EXPECT_THAT(message_of(search, run), HasSubstr("study is in use"));
}

TEST_F(SearchRun, StudyOfOtherDataSeedOrModelsIsRefusedWithTheDifference) {
  SearchConfig search = config(kMathSearch);
  search.optimizer.trials = 1;
  SearchOptions run = options("other");
  run_search(search, run);
  EXPECT_THAT(message_of(search, run), HasSubstr("study exists already"));
  run.resume = true;

  SearchConfig fewer = search;
  fewer.objectives[0].limit = 5;
  EXPECT_THAT(message_of(fewer, run),
              HasSubstr("study was made with other inputs: tiny: data of ja-math/search"));
  SearchConfig seeded = search;
  seeded.optimizer.seed = 8;
  EXPECT_THAT(message_of(seeded, run), HasSubstr("seed: study has 7, this run has 8"));
  SearchConfig other_model = config(kMathSearch);
  other_model.recipe["models"][0]["model"] = "zoo/models/base-lm";
  EXPECT_THAT(message_of(other_model, run), HasSubstr("model zoo/models/"));
  EXPECT_EQ(run_search(search, run).trials_done, 1U);
}

TEST_F(SearchRun, CandidateThatCannotBeMergedIsRecordedAndTheSearchGoesOn) {
  const SearchConfig search = config(R"(study: failing
recipe:
  base_model: zoo/models/base-lm
  merge_method: ties
  models:
    - model: zoo/models/ja-lm
      parameters: {weight: 1, density: {gene: density, low: 0.4, high: 1.6, init: 0.9}}
  dtype: float32
optimizer: {population: 4, trials: 6, seed: 7}
objectives: [{benchmark: ja-math/search, metric: rougeL_ja, limit: 2}]
)");
  const SearchOptions run = options("failing");
  const SearchOutcome outcome = run_search(search, run);
  EXPECT_EQ(outcome.trials_done, 6U);
  EXPECT_GT(outcome.trials_failed, 0U);
  EXPECT_LT(outcome.trials_failed, 6U);
  EXPECT_LE(outcome.best.parameters.at("density"), 1.0);
  const StudyStore store = StudyStore::open(run.study_file, "failing");
  for (const Trial& trial : store.trials()) {
    if (trial.state == TrialState::kWaiting) continue;
    const bool can_be_merged = trial.parameters.at("density") <= 1.0;
    EXPECT_EQ(trial.state, can_be_merged ? TrialState::kComplete : TrialState::kFailed);
    if (can_be_merged) continue;
    EXPECT_THAT(trial.attributes.at("fail_reason").get<std::string>(), HasSubstr("density"));
  }
}

TEST_F(SearchRun, HeldOutItemsDecideAmongTheBestAndAreNotFitted) {
  const SearchConfig search = config(std::string(kMathSearch) + "validation: {holdout: 0.3}\n");
  const SearchOptions run = options("holdout");
  const SearchOutcome outcome = run_search(search, run);
  const StudyStore store = StudyStore::open(run.study_file, "tiny");
  const std::size_t fitted = store.items(outcome.best.id).size();
  EXPECT_GT(fitted, 0U);
  EXPECT_LT(fitted, 6U);
  const auto held_out = outcome.best.attributes.at("held_out").get<double>();
  EXPECT_GE(held_out, 0.0);
  EXPECT_LE(held_out, 1.0);
  EXPECT_EQ(store.trials().at(static_cast<std::size_t>(outcome.best.number)).attributes,
            outcome.best.attributes);
}

TEST_F(SearchRun, TwoStudiesLiveInOneFile) {
  SearchConfig search = config(kMathSearch);
  search.optimizer.trials = 1;
  const SearchOptions run = options("shared");
  run_search(search, run);
  search.study = "second";
  run_search(search, run);
  EXPECT_THAT(StudyStore::study_names(run.study_file), testing::ElementsAre("tiny", "second"));
}

TEST_F(SearchRun, RecipeThatCannotBeSearchedIsRefusedBeforeAStudyIsMade) {
  const SearchOptions run = options("refused");
  SearchConfig missing = config(kMathSearch);
  missing.recipe["models"][0]["model"] = "zoo/models/none";
  EXPECT_THAT(message_of(missing, run), HasSubstr("zoo/models/none"));
  SearchConfig no_gene = config(kMathSearch);
  for (const std::size_t i : {0U, 1U}) no_gene.recipe["models"][i]["parameters"]["weight"] = 0.5;
  EXPECT_THAT(message_of(no_gene, run), HasSubstr("no gene to search"));
  SearchConfig unknown = config(kMathSearch);
  unknown.recipe["merge_method"] = "task_aritmetic";
  EXPECT_THAT(message_of(unknown, run), HasSubstr("did you mean 'task_arithmetic'?"));
  SearchConfig blind = config(kMathSearch);
  blind.objectives[0].benchmark = "ja-emoji-vqa/search";
  const std::string message = message_of(blind, run);
  EXPECT_THAT(message, HasSubstr("pictures"));
  EXPECT_FALSE(std::filesystem::exists(run.study_file)) << message;
}

TEST_F(SearchRun, MistakesInTheRecipeNameTheLineOfTheSearchFile) {
  std::string yaml = kMathSearch;
  const std::size_t second = yaml.rfind("{weight: {gene: ja");
  yaml.replace(second, std::string("{weight").size(), "{wieght");
  EXPECT_THAT(message_of(config(yaml), options("lines")),
              HasSubstr("search.yaml:7: 'wieght' (did you mean 'weight'?)"));
  EXPECT_FALSE(std::filesystem::exists(options("lines").study_file));
}

TEST_F(SearchRun, WhatTheEndNeedsIsLookedAtBeforeTheFirstTrial) {
  const SearchOptions run = options("end");
  const auto message = [&](const std::string& more) {
    return message_of(config(kMathSearch + more), run);
  };
  EXPECT_THAT(message("compare: [{name: a, role: parent, model: zoo/models/jal-lm}]\n"),
              HasSubstr("no such model: zoo/models/jal-lm"));
  EXPECT_THAT(message("compare: [{name: a, role: parent, recipe: {merge_method: linear, "
                      "models: [{model: zoo/models/none, parameters: {weight: 1}}]}}]\n"),
              HasSubstr("no such model: zoo/models/none"));
  EXPECT_THAT(message("test: [{benchmark: ja-math=none.jsonl, metric: acc}]\n"),
              HasSubstr("none.jsonl"));
  const std::string seen = (kProject / "datasets/ja-math/search").string();
  EXPECT_THAT(message("test: [{benchmark: mgsm-ja=" + seen + ", metric: acc}]\n"),
              HasSubstr("mgsm-ja=" + seen + " has the items of ja-math/search"));
  EXPECT_THAT(message("test: [{benchmark: ja-emoji-vqa, metric: acc}]\n"),
              HasSubstr("metric needs an answer with a number"));
  EXPECT_FALSE(std::filesystem::exists(run.study_file));
}

TEST_F(SearchRun, ProgressIsRoundedAsTheResultIs) {
  const SearchConfig search = config(kVisionSearch);
  SearchOptions run = options("rounded");
  std::string last;
  run.progress = [&](const ProgressEvent& event) { last = event.detail; };
  const double best = run_search(search, run).best.values.at(0);
  std::array<char, 32> wanted{};
  std::snprintf(wanted.data(), wanted.size(), "best %.4f ", best);
  EXPECT_THAT(last, HasSubstr(wanted.data()));
}

TEST(StudyFile, IsAPathOrAnSqliteUrl) {
  EXPECT_EQ(study_file_of("a/b.db"), "a/b.db");
  EXPECT_EQ(study_file_of("sqlite:///a/b.db"), "a/b.db");
  EXPECT_EQ(study_file_of("sqlite:////a/b.db"), "/a/b.db");
  EXPECT_THROW(study_file_of("postgresql://host/x"), Error);
}

}  // namespace
}  // namespace vlm
