#include "merge/path_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "merge/recipe_parser.h"
#include "tests/merge/made_up_models.h"

namespace vlm {
namespace {

using testing::HasSubstr;

Recipe read(const std::string& text) {
  return parse_recipe(text, "r.yaml");
}

std::string refusal(const std::string& text) {
  return message_of([&] { read(text); });
}

TEST(PathParser, EntriesAreHopsWithLayersAndScales) {
  const Recipe recipe =
      read("path: [{model: a, layer: 3, scale: 1.5}, {model: b, layer: 0}, {model: a}]\n");
  ASSERT_TRUE(recipe.path);
  EXPECT_EQ(recipe.path->scales, (std::vector<double>{1.5, 1, 1}));
  const auto& slices = recipe.components.at(0).slices;
  ASSERT_EQ(slices.size(), 3U);
  EXPECT_EQ(slices[0].sources[0].layers, (LayerRange{3, 4}));
  EXPECT_EQ(slices[1].sources[0].model, "b");
  EXPECT_EQ(slices[2].sources[0].layers, std::nullopt) << "all of them";
}

TEST(PathParser, PassesThroughAndTakesTheVocabularyOfOneModel) {
  const Recipe recipe = read("path: [{model: a}]\nvlm: v\n");
  EXPECT_EQ(recipe.merge_method, "passthrough");
  EXPECT_EQ(recipe.vocabulary, VocabularyPolicy::kBase);
  EXPECT_EQ(recipe.components.at(0).component, Component::kText);
  EXPECT_TRUE(recipe.components.at(0).is_stack);
}

TEST(PathParser, WordsHaveDefaults) {
  const Recipe plain = read("path: [{model: a}]\n");
  EXPECT_EQ(plain.path->scaling, PathScaling::kStream);
  EXPECT_EQ(plain.path->layout, PathLayout::kStandard);
  const Recipe other = read("path: [{model: a}]\nscale_of: mlp\nlayout: evomistral\n");
  EXPECT_EQ(other.path->scaling, PathScaling::kMlpOutput);
  EXPECT_EQ(other.path->layout, PathLayout::kEvoMistral);
  EXPECT_THAT(refusal("path: [{model: a}]\nscale_of: streem\n"),
              HasSubstr("'streem' (did you mean 'stream'?)"));
  EXPECT_THAT(refusal("path: [{model: a}]\nlayout: hub\n"), HasSubstr("'layout': r.yaml:2: 'hub'"));
}

TEST(PathParser, RefusesPathsWithoutEndOrBeginning) {
  EXPECT_THAT(refusal("path: []\n"), HasSubstr("list of 1 to 1024 entries: r.yaml:1: 0"));
  EXPECT_THAT(refusal("path: a\n"), HasSubstr("no list"));
  std::string text = "path:\n";
  for (int i = 0; i < 1025; ++i) text += "- {model: a, layer: 0}\n";
  EXPECT_THAT(refusal(text), HasSubstr("1025"));
}

TEST(PathParser, RefusesEntriesThatSayTooLittleOrTooMuch) {
  EXPECT_THAT(refusal("path:\n- {layer: 1}\n"), HasSubstr("lacks a key: r.yaml:2: 'model'"));
  EXPECT_THAT(refusal("path: [{model: a, weight: 1}]\n"), HasSubstr("'weight'"));
  EXPECT_THAT(refusal("path: [{model: a, layer: -1}]\n"), HasSubstr("layer"));
  EXPECT_THAT(refusal("path: [{model: a, layer: 1.5}]\n"), HasSubstr("layer"));
}

TEST(PathParser, ScalesAreFiniteAndFitIntoFloat32) {
  EXPECT_THAT(refusal("path: [{model: a, scale: 1e31}]\n"), HasSubstr("out of range"));
  EXPECT_THAT(refusal("path: [{model: a, scale: .inf}]\n"), HasSubstr("scale"));
  EXPECT_EQ(read("path: [{model: a, scale: -1e30}]\n").path->scales.front(), -1e30);
}

}  // namespace
}  // namespace vlm
