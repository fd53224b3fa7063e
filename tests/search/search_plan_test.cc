#include "search/search_plan.h"

#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "search/model_source.h"
#include "search/search_config.h"
#include "tests/error_message.h"

namespace vlm {
namespace {

using testing::HasSubstr;

SearchPlan plan_of(const std::string& recipe) {
  const std::string text = "study: s\nrecipe:\n  merge_method: linear\n  dtype: float32\n" +
                           recipe +
                           "objectives: [{benchmark: ja-emoji-vqa/search, metric: rougeL_ja}]\n";
  const SearchConfig config =
      parse_search_config(text, std::filesystem::path(VLM_PROJECT_DIR) / "s.yaml");
  ModelPool models = make_model_pool(config.folder);
  return plan_search(config, models);
}

constexpr const char* kModels =
    "[{model: zoo/models/math-lm, parameters: {weight: {gene: a, low: 0, high: 1}}}, "
    "{model: zoo/models/ja-lm, parameters: {weight: 0.5}}]";

TEST(PlanSearch, TheFirstModelGivesTheLayersWhereverItStands) {
  for (const std::string recipe : {"  models: ", "  components:\n    text:\n      models: ",
                                   "  modules:\n    text_decoder:\n      models: "}) {
    const SearchPlan plan = plan_of(recipe + kModels + "\n");
    ASSERT_EQ(plan.space.size(), 1U) << recipe;
    EXPECT_EQ(plan.space.dimensions[0].name, "a") << recipe;
  }
  const SearchPlan sliced = plan_of(
      "  slices:\n  - sources:\n    - {model: zoo/models/ja-lm, layer_range: [0, 6], parameters: "
      "{weight: 0.5}}\n"
      "    - {model: zoo/models/math-lm, layer_range: [0, 6], parameters: "
      "{weight: {gene: b, low: 0, high: 1}}}\n");
  EXPECT_EQ(sliced.space.dimensions[0].name, "b");
}

TEST(PlanSearch, ARecipeWithoutAModelIsRefused) {
  EXPECT_THAT(error_message([] { plan_of("  models: []\n"); }),
              HasSubstr("a recipe to search needs 'vlm', 'base_model' or a model"));
}

}  // namespace
}  // namespace vlm
