// Recipes that merge the components of vision-language models each for itself.

#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/file_checkpoint.h"
#include "merge/plan_summary.h"
#include "tests/merge/made_up_models.h"

namespace vlm {
namespace {

using testing::HasSubstr;

constexpr const char* kVisionLayer1 = "vision/encoder.layers.1.mlp.fc1.weight";
constexpr const char* kTextLayer1 = "text/model.layers.1.mlp.up_proj.weight";
constexpr const char* kProjector = "projector/linear_1.weight";

// Two VLMs, their language model alone, and a VLM with a deeper vision tower.
const MadeUpModels kModels{
    {"v", {.value = 1, .is_vlm = true, .vision_layers = 2}},
    {"w", {.value = 5, .is_vlm = true, .vision_layers = 2}},
    {"deep", {.value = 5, .is_vlm = true, .vision_layers = 3}},
    {"other", {.value = 5, .is_vlm = true, .vision_layers = 2, .vision = {{"patch_size", 7}}}},
    {"a", {.value = 2}}};

const std::string kBoth =
    "{models: [{model: v, parameters: {weight: 1}}, {model: w, parameters: "
    "{weight: 3}}]}";

MergedCheckpoint merge(const std::string& recipe) {
  return MergedCheckpoint(plan_of(recipe, kModels));
}

std::string refusal(const std::string& recipe) {
  return message_of([&] { plan_of(recipe, kModels); });
}

TEST(ComponentPlan, MergesNamedComponentsAndTakesTheOthersFromTheBase) {
  const MergedCheckpoint merged =
      merge("merge_method: linear\nbase_model: v\ncomponents:\n  vision: " + kBoth + "\n");
  EXPECT_EQ(first_value(merged, kVisionLayer1), 4);
  EXPECT_EQ(first_value(merged, "vision/embeddings.class_embedding"), 4);
  for (const char* const name : {kTextLayer1, "text/lm_head.weight", kProjector}) {
    EXPECT_EQ(first_value(merged, name), 1) << name;
    EXPECT_TRUE(merged.is_copy(*merged.find(name))) << name;
  }
  EXPECT_EQ(merged.tensors().size(), make_up(kModels.at("v"))->tensors().size());
}

TEST(ComponentPlan, EachComponentHasItsOwnModelsAndParameters) {
  const MergedCheckpoint merged = merge(
      "merge_method: linear\n"
      "components:\n"
      "  projector: {models: [{model: w}], parameters: {normalize: false, weight: 2}}\n"
      "  vision: {models: [{model: v}, {model: w}]}\n"
      "  text: {models: [{model: a}, {model: v}]}\n"
      "vlm: v\nparameters: {weight: 1}\n");
  EXPECT_EQ(first_value(merged, kProjector), 10);
  EXPECT_EQ(first_value(merged, kVisionLayer1), 3);
  EXPECT_EQ(first_value(merged, kTextLayer1), 1.5);
}

TEST(ComponentPlan, ModulesAreMergekitsNamesOfComponents) {
  const auto lines_of = [](const std::string& recipe) {
    std::vector<std::string> lines;
    for (const PlanSummary::Tensor& tensor : summarize(plan_of(recipe, kModels)).tensors) {
      lines.push_back(tensor.name + " " + tensor.parameters);
      lines.insert(lines.end(), tensor.sources.begin(), tensor.sources.end());
    }
    return lines;
  };
  const std::string head = "merge_method: linear\nbase_model: v\n";
  EXPECT_EQ(lines_of(head + "modules:\n  vision_tower: " + kBoth + "\n  text_decoder: " + kBoth +
                     "\n  multi_modal_projector: " + kBoth),
            lines_of(head + "components: {text: " + kBoth + ", vision: " + kBoth +
                     ", projector: " + kBoth + "}\n"));
  EXPECT_EQ(first_value(merge("merge_method: passthrough\n"
                              "modules: {default: {models: [{model: a}]}}\n"),
                        kTextLayer1),
            2);
}

// The example of mergekit's documentation: with slerp, a module of the base alone is the base's.
TEST(ComponentPlan, ASliceOfTheBaseAloneIsTheBases) {
  const MergedCheckpoint merged = merge(
      "modules:\n"
      "  text_decoder: {slices: [{sources: [{model: v, layer_range: [0, 2]}, {model: w, "
      "layer_range: [0, 2]}]}]}\n"
      "  vision_tower: {models: [{model: v}]}\n"
      "merge_method: slerp\nbase_model: v\nparameters: {t: 0.5}\n");
  EXPECT_EQ(first_value(merged, kTextLayer1), 3);
  EXPECT_EQ(first_value(merged, kVisionLayer1), 1);
  EXPECT_TRUE(merged.is_copy(*merged.find(kVisionLayer1)));
}

TEST(ComponentPlan, GradientsAndLayersRunOverTheComponentsOwnLayers) {
  const MergedCheckpoint merged = merge(
      "merge_method: linear\nvlm: deep\n"
      "components:\n  vision:\n    models: [{model: deep}]\n"
      "    parameters:\n      normalize: false\n"
      "      weight: [{filter: fc1, layers: [1, 3], value: 10}, {value: [1, 3]}]\n");
  EXPECT_EQ(first_value(merged, "vision/embeddings.class_embedding"), 5);
  EXPECT_EQ(first_value(merged, "vision/encoder.layers.0.mlp.fc1.weight"), 5);
  EXPECT_EQ(first_value(merged, kVisionLayer1), 50);
  EXPECT_EQ(first_value(merged, "vision/encoder.layers.2.layer_norm1.weight"), 15);
}

TEST(ComponentPlan, LayersOfTheTextAreStackedAndThoseOfTheVisionTowerKeepTheirNumber) {
  const MergedCheckpoint merged = merge(
      "merge_method: passthrough\nvlm: v\ncomponents:\n"
      "  text: {slices: [{sources: [{model: v, layer_range: [0, 2]}]}, {sources: [{model: a, "
      "layer_range: [1, 2]}]}]}\n"
      "  vision: {slices: [{sources: [{model: w, layer_range: [0, 1]}]}, {sources: [{model: v, "
      "layer_range: [1, 2]}]}]}\n");
  EXPECT_EQ(merged.config().num_layers(), 3U);
  EXPECT_EQ(first_value(merged, "text/model.layers.2.mlp.up_proj.weight"), 2);
  EXPECT_EQ(first_value(merged, "vision/encoder.layers.0.mlp.fc1.weight"), 5);
  EXPECT_EQ(first_value(merged, kVisionLayer1), 1);
  EXPECT_THAT(refusal("merge_method: passthrough\nvlm: v\ncomponents: {vision: {slices: [{sources: "
                      "[{model: v, layer_range: [0, 1]}]}]}}\n"),
              HasSubstr("keeps its number of layers: recipe.yaml: 1 instead of 2"));
}

TEST(ComponentPlan, ModelsThatLackTheComponentOrDoNotFitAreRefused) {
  const std::string head = "merge_method: linear\nparameters: {weight: 1}\n";
  EXPECT_THAT(refusal(head + "components: {vision: {models: [{model: v}, {model: a}]}}\n"),
              HasSubstr("contributes no tensor: recipe.yaml: a has no vision tower"));
  EXPECT_THAT(refusal(head + "base_model: a\ncomponents: {projector: {models: [{model: v}]}}\n"),
              HasSubstr("a has no projector"));
  EXPECT_THAT(refusal(head + "components: {vision: {models: [{model: v}, {model: deep}]}}\n"),
              HasSubstr("number of layers: recipe.yaml: v 2, deep 3"));
  EXPECT_THAT(refusal(head + "components: {vision: {models: [{model: v}, {model: other}]}}\n"),
              HasSubstr("do not fit together: patch_size: other: 7, but v: 14"));
}

TEST(ComponentPlan, BasesThatLackTheComponentAreRefused) {
  const auto refusal_of = [](const std::string& component, const std::string& head) {
    return refusal(head + "merge_method: ties\nbase_model: a\nparameters: {weight: 1}\n" +
                   "components: {" + component + ": {models: [{model: v}, {model: w}]}}\n");
  };
  const std::string start = "model contributes no tensor: recipe.yaml: a has no ";
  EXPECT_EQ(refusal_of("vision", "vlm: v\n"), start + "vision tower");
  EXPECT_EQ(refusal_of("projector", "vlm: v\n"), start + "projector");
  EXPECT_EQ(refusal_of("vision", ""),
            start + "vision tower ('vlm' names the model that the result is)");
}

TEST(ComponentPlan, ProjectorsOfDifferentFeatureLayersAreReported) {
  MadeUpModels models = kModels;
  models["w"].top = {{"vision_feature_layer", -1}};
  const MergePlan plan =
      plan_of("merge_method: linear\ncomponents: {projector: " + kBoth + "}\n", models);
  EXPECT_THAT(plan.warnings,
              testing::ElementsAre(HasSubstr("vision_feature_layer: w: -1, but v:")));
}

// The same LLaVA 1.5 in the layouts of the hub and of transformers 5.
TEST(ComponentPlan, MergesModelsOfDifferentLayoutsAndKeepsTheDonors) {
  const std::filesystem::path folder = std::filesystem::path(VLM_TEST_DATA) / "checkpoint/llava15";
  const auto open = [&](const std::string& name) { return FileCheckpoint::open(folder / name); };
  const std::string both = "{models: [{model: saved_v5}, {model: hub_layout}]}";
  const std::string recipe =
      "merge_method: linear\nparameters: {weight: 1}\nmodules: {text_decoder: " + both +
      ", vision_tower: " + both + ", multi_modal_projector: " + both + "}\n";
  const MergedCheckpoint merged(make_merge_plan(parse_recipe(recipe, "recipe.yaml"), open));
  const auto hub = open("hub_layout");
  EXPECT_EQ(merged.layout().kind(), LayoutKind::kLlavaSavedV5);
  EXPECT_EQ(merged.tensors().size(), hub->tensors().size());
  for (const TensorInfo& info : hub->tensors()) {
    ASSERT_NE(merged.find(info.name), nullptr) << info.name;
    EXPECT_FALSE(merged.is_copy(*merged.find(info.name))) << info.name;
    EXPECT_EQ(read_all(merged, *merged.find(info.name)), read_all(*hub, info)) << info.name;
  }
}

}  // namespace
}  // namespace vlm
