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

SearchPlan plan_of(const std::string& recipe,
                   const std::string& method = "  merge_method: linear\n") {
  const std::string text = "study: s\nrecipe:\n" + method + "  dtype: float32\n" + recipe +
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
  const SearchPlan path = plan_of(
      "  path:\n  - {model: zoo/models/ja-lm}\n  - {model: zoo/models/math-lm, layer: 1, "
      "scale: {gene: c, low: 0.5, high: 1}}\n",
      "");
  EXPECT_EQ(path.space.dimensions[0].name, "c");
}

TEST(PlanSearch, ARecipeWithoutAModelIsRefused) {
  EXPECT_THAT(error_message([] { plan_of("  models: []\n"); }),
              HasSubstr("a recipe to search needs 'vlm', 'base_model' or a model"));
}

// Linear merges of all components of en-vlm and evo-vlm, with a gene in one place.
std::string of_components(const std::string& text, const std::string& vision,
                          const std::string& projector) {
  const auto component = [](const std::string& name, const std::string& weight) {
    return "    " + name +
           ":\n      models:\n      - {model: zoo/models/en-vlm, parameters: {weight: " + weight +
           "}}\n      - {model: zoo/models/evo-vlm, parameters: {weight: 1}}\n";
  };
  return "  components:\n" + component("text", text) + component("vision", vision) +
         component("projector", projector);
}

TEST(PlanSearch, FeaturesOfPicturesAreSharedUnlessAGeneReachesThem) {
  const std::string gene = "{gene: g}";
  EXPECT_EQ(plan_of(of_components(gene, "0.5", "0.5")).feature_changes, FeatureChanges::kNone);
  EXPECT_EQ(plan_of(of_components("0.5", gene, "0.5")).feature_changes, FeatureChanges::kTower);
  EXPECT_EQ(plan_of(of_components("0.5", gene, "{gene: h}")).feature_changes,
            FeatureChanges::kTower);
  EXPECT_EQ(plan_of(of_components("0.5", "0.5", gene)).feature_changes, FeatureChanges::kProjector);
  EXPECT_EQ(
      plan_of(std::string("  vlm: zoo/models/en-vlm\n  models: ") + kModels + "\n").feature_changes,
      FeatureChanges::kNone);
}

TEST(PlanSearch, AGeneOfTheRecipeReachesWhatIsMerged) {
  const std::string models =
      "{models: [{model: zoo/models/en-vlm}, {model: zoo/models/evo-vlm}]}\n";
  const std::string gene = "  parameters: {weight: {gene: g, low: 0.5, high: 1}}\n";
  EXPECT_EQ(plan_of(gene + "  components:\n    text: " + models).feature_changes,
            FeatureChanges::kNone);
  EXPECT_EQ(plan_of(gene + "  components:\n    text: " + models + "    projector: " + models)
                .feature_changes,
            FeatureChanges::kProjector);
}

}  // namespace
}  // namespace vlm
