#include "merge/recipe.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace vlm
