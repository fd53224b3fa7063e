// The end of a search on the bundled models: what is measured and what is written.

#include "search/final_measurement.h"

#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/files.h"
#include "search/model_source.h"
#include "tests/checkpoint/temporary_directory.h"

namespace vlm {
namespace {

using testing::HasSubstr;

const std::filesystem::path kProject = VLM_PROJECT_DIR;

constexpr const char* kRecipe = R"(base_model: zoo/models/base-lm
merge_method: task_arithmetic
models:
  - {model: zoo/models/math-lm, parameters: {weight: 0.7}}
  - {model: zoo/models/ja-lm, parameters: {weight: 1}}
dtype: float32
out_dtype: bfloat16
)";

class FinalMeasurement : public testing::Test {
 protected:
  FinalMeasurement() {
    const std::string all = read_text_file(kProject / "datasets/ja-math/test/data.jsonl");
    const std::size_t second_line = all.find('\n') + 1;
    folder.add("items.jsonl", all.substr(0, all.find('\n', second_line) + 1));
  }

  // The models are named relative to the project; the test items are two.
  [[nodiscard]] SearchConfig config() const {
    const std::string items = (folder.path() / "items.jsonl").string();
    return parse_search_config(
        "study: s\nrecipe: {merge_method: linear}\n"
        "objectives: [{benchmark: ja-math/search, metric: acc_ja}]\n"
        "test:\n"
        "  - {benchmark: ja-math/test=" +
            items +
            ", metric: rougeL}\n"
            "  - {benchmark: ja-math/test=" +
            items +
            ", metric: acc_ja}\n"
            "compare:\n"
            "  - {name: Japanese, role: parent, model: zoo/models/ja-lm}\n"
            "  - name: by hand\n    role: untuned\n    recipe:\n"
            "      base_model: zoo/models/base-lm\n"
            "      merge_method: task_arithmetic\n"
            "      models:\n"
            "        - {model: zoo/models/math-lm, parameters: {weight: 0.7}}\n"
            "        - {model: zoo/models/ja-lm, parameters: {weight: 1}}\n"
            "      dtype: float32\n      out_dtype: bfloat16\n",
        kProject / "search.yaml");
  }

  TemporaryDirectory folder;
  ThreadPool pool{2};
  MeasurementOptions options{kProject, {}, {}};
};

TEST_F(FinalMeasurement, EveryModelIsAskedAndTheEvolvedOneIsLast) {
  std::vector<std::string> stages;
  options.progress = [&](const ProgressEvent& event) { stages.push_back(event.detail); };
  const std::vector<MeasuredModel> models = measure_models(config(), kRecipe, options, pool);
  ASSERT_EQ(models.size(), 3U);
  EXPECT_EQ(models[0].name, "Japanese");
  EXPECT_EQ(models[1].role, ComparisonRole::kUntuned);
  EXPECT_EQ(models[2].name, "evolved");
  EXPECT_EQ(models[2].role, ComparisonRole::kEvolved);
  EXPECT_THAT(stages, testing::ElementsAre("Japanese", "by hand", "evolved", ""));
  for (const MeasuredModel& model : models) {
    EXPECT_FALSE(model.blind);
    ASSERT_EQ(model.result.benchmarks.size(), 1U) << "two metrics of one benchmark are one run";
    EXPECT_EQ(model.result.benchmarks[0].samples.size(), 2U);
    EXPECT_NO_THROW(metric_mean(model.result.benchmarks[0], "rougeL"));
    EXPECT_NO_THROW(metric_mean(model.result.benchmarks[0], "acc_ja"));
  }
  // The evolved recipe is the one that was made by hand.
  EXPECT_EQ(samples_to_jsonl(models[2].result), samples_to_jsonl(models[1].result));
  EXPECT_NE(samples_to_jsonl(models[2].result), samples_to_jsonl(models[0].result));
}

TEST_F(FinalMeasurement, StopsBetweenModels) {
  options.stop_requested = [] { return true; };
  try {
    measure_models(config(), kRecipe, options, pool);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInterrupted);
    EXPECT_THAT(error.what(), HasSubstr("s: before Japanese (continue with --resume)"));
  }
}

TEST_F(FinalMeasurement, WrittenModelHasItsRecipeAndSummaryAndAnswersAsMeasured) {
  const std::filesystem::path target = folder.path() / "evolved";
  const Json summary{{"study", "s"}, {"best_trial", 3}};
  write_evolved_model(config(), kRecipe, summary, target, options, pool);
  EXPECT_EQ(read_text_file(target / "recipe.yaml"),
            std::string("# vlm-merge merge recipe.yaml OUT_DIR --seed 42\n") + kRecipe);
  EXPECT_EQ(read_json_file(target / "study.json"), summary);

  SearchConfig again = config();
  again.compare = {{"written", ComparisonRole::kUntuned, target.string(), ""}};
  const std::vector<MeasuredModel> models = measure_models(again, kRecipe, options, pool);
  EXPECT_EQ(samples_to_jsonl(models[0].result), samples_to_jsonl(models[1].result));
  EXPECT_THROW(write_evolved_model(config(), kRecipe, summary, target, options, pool), Error);
}

}  // namespace
}  // namespace vlm
