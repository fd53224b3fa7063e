#include "merge/recipe.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace vlm {
namespace {

TEST(Recipe, GradientIsInterpolatedBetweenItsValues) {
  const Setting setting{{"", std::nullopt, {0, 0.5, 0.3, 0.7, 1}}};
  // 32 layers, as in mergekit's example.
  const auto at_layer = [&](double layer) {
    return *evaluate(setting, {"x", std::nullopt, layer / 31});
  };
  EXPECT_DOUBLE_EQ(at_layer(0), 0);
  EXPECT_NEAR(at_layer(1), 0.0645, 1e-4);
  EXPECT_NEAR(at_layer(2), 0.1290, 1e-4);
  EXPECT_DOUBLE_EQ(at_layer(31), 1);
}

TEST(Recipe, AValueForEachLayerIsThatOfTheLayer) {
  for (std::size_t layers = 2; layers <= 100; ++layers) {
    Setting setting{{"", std::nullopt, {}}};
    for (std::size_t layer = 0; layer < layers; ++layer) {
      setting[0].values.push_back(layer % 2 == 0 ? 1 : 0);
    }
    for (std::size_t layer = 0; layer < layers; ++layer) {
      const double position = static_cast<double>(layer) / static_cast<double>(layers - 1);
      EXPECT_EQ(evaluate(setting, {"x", layer, position}), setting[0].values[layer])
          << layer << " of " << layers;
    }
  }
}

TEST(Recipe, FirstLineThatSelectsTheTensorDecides) {
  const Setting setting{{"attn", std::nullopt, {1}}, {"", std::nullopt, {2}}};
  EXPECT_EQ(evaluate(setting, {"self_attn.q", std::nullopt, 0}), 1);
  EXPECT_EQ(evaluate(setting, {"mlp.up", std::nullopt, 0}), 2);
}

TEST(Recipe, NoLineIsNoValue) {
  EXPECT_EQ(evaluate({{"attn", std::nullopt, {1}}}, {"mlp.up", std::nullopt, 0}), std::nullopt);
  EXPECT_EQ(evaluate({}, {"mlp.up", std::nullopt, 0}), std::nullopt);
}

TEST(Recipe, LayersSelectOutputLayersAndNothingOutsideOfLayers) {
  const Setting setting{{"", LayerRange{1, 3}, {1}}};
  EXPECT_EQ(evaluate(setting, {"a", 0, 0}), std::nullopt);
  EXPECT_EQ(evaluate(setting, {"a", 1, 0}), 1);
  EXPECT_EQ(evaluate(setting, {"a", 2, 0}), 1);
  EXPECT_EQ(evaluate(setting, {"a", 3, 0}), std::nullopt);
  EXPECT_EQ(evaluate(setting, {"lm_head", std::nullopt, 0}), std::nullopt);
}

TEST(Recipe, APatternMatchesAPartOfTheName) {
  SettingLine line;
  line.pattern.emplace(R"(layers\.[0-2]\.)", "r.yaml:1");
  EXPECT_TRUE(selects(line, {"model.layers.2.mlp", 2, 0}));
  EXPECT_FALSE(selects(line, {"model.layers.12.mlp", 12, 0}));
  EXPECT_FALSE(selects(line, {"model.norm.weight", std::nullopt, 0}));
}

TEST(Recipe, AllConditionsOfALineMustHold) {
  SettingLine line;
  line.component = Component::kVision;
  line.filter = "mlp";
  EXPECT_TRUE(selects(line, {"encoder.layers.0.mlp", 0, 0, Component::kVision}));
  EXPECT_FALSE(selects(line, {"encoder.layers.0.attn", 0, 0, Component::kVision}));
  EXPECT_FALSE(selects(line, {"model.layers.0.mlp", 0, 0, Component::kText}));
}

// A search of a nested repetition would take for ever.
TEST(Recipe, APatternThatTakesTooLongIsRefused) {
  const NamePattern pattern("(a+)+$", "r.yaml:1");
  EXPECT_THROW(static_cast<void>(pattern.is_in(std::string(60, 'a') + "b")), Error);
}

}  // namespace
}  // namespace vlm
