#include "search/recipe_template.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/error_message.h"

namespace vlm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

RecipeTemplate parse(const std::string& yaml, std::size_t num_layers = 2) {
  return {YAML::Load(yaml), {num_layers, 3}, "search.yaml"};
}

std::vector<std::string> names(const RecipeTemplate& recipe) {
  std::vector<std::string> result;
  for (const Gene& gene : recipe.genes()) result.push_back(gene.name);
  return result;
}

std::string error_of(const std::string& yaml) {
  return error_message([&] { parse(yaml); });
}

TEST(RecipeTemplate, GenePerModelIsOneNumber) {
  const RecipeTemplate recipe = parse("weight: {gene: ja, low: 0, high: 1.5}");
  EXPECT_THAT(names(recipe), ElementsAre("ja"));
  EXPECT_DOUBLE_EQ(recipe.genes()[0].initial, 0.75);
  EXPECT_EQ(recipe.fill_in(std::vector<double>{0.25}), "weight: 0.250000\n");
}

TEST(RecipeTemplate, GenePerModuleBecomesFilters) {
  const RecipeTemplate recipe = parse("weight: {gene: g, per: module}");
  EXPECT_THAT(names(recipe), ElementsAre("g.attention", "g.mlp", "g.rest"));
  const YAML::Node filled = YAML::Load(recipe.fill_in(std::vector<double>{0.1, 0.2, 0.3}));
  EXPECT_EQ(filled["weight"][0]["filter"].as<std::string>(), "self_attn");
  EXPECT_DOUBLE_EQ(filled["weight"][1]["value"].as<double>(), 0.2);
  EXPECT_FALSE(filled["weight"][2]["filter"]);
}

TEST(RecipeTemplate, GenePerLayerModuleBecomesGradientsOfAllLayers) {
  const RecipeTemplate recipe = parse("weight: {gene: g, per: layer-module}", 3);
  ASSERT_EQ(recipe.genes().size(), 7U);
  EXPECT_EQ(recipe.genes()[4].name, "g.mlp.1");
  const YAML::Node filled =
      YAML::Load(recipe.fill_in(std::vector<double>{0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6}));
  EXPECT_DOUBLE_EQ(filled["weight"][1]["value"][1].as<double>(), 0.4);
  EXPECT_DOUBLE_EQ(filled["weight"][2]["value"].as<double>(), 0.6);
}

TEST(RecipeTemplate, NeighbouringLayersOfAGroupShareANumber) {
  const RecipeTemplate recipe = parse("weight: {gene: g, per: layer, group: 2}", 3);
  EXPECT_THAT(names(recipe), ElementsAre("g.0", "g.1", "g.rest"));
  const YAML::Node filled = YAML::Load(recipe.fill_in(std::vector<double>{0.1, 0.2, 0.3}));
  EXPECT_THAT(filled["weight"][0]["value"].as<std::vector<double>>(), ElementsAre(0.1, 0.1, 0.2));
}

TEST(RecipeTemplate, FillingInLeavesNoGeneAndKeepsTheRest) {
  const RecipeTemplate recipe = parse(
      "{models: [{model: a, parameters: {weight: {gene: a}}}, {model: b, parameters: {weight: 1}}],"
      " merge_method: linear}");
  const std::string text = recipe.fill_in(std::vector<double>{0.5});
  EXPECT_THAT(text, testing::Not(HasSubstr("gene")));
  EXPECT_EQ(YAML::Load(text)["models"][1]["model"].as<std::string>(), "b");
}

TEST(RecipeTemplate, FillingInTwiceGivesTheSameText) {
  const RecipeTemplate recipe = parse("{a: {gene: x, per: layer}, b: {gene: y}}");
  const std::vector<double> values{0.1, 0.2, 0.3, 0.4};
  EXPECT_EQ(recipe.fill_in(values), recipe.fill_in(values));
}

TEST(RecipeTemplate, AParameterThatIsAWordMayBeAGene) {
  const std::string begin =
      "merge_method: dare_ties\nparameters: {normalize: {gene: n, init: 1}, rescale: ";
  const RecipeTemplate recipe = parse(begin + "{gene: r}}");
  const auto words = [&](double normalize, double rescale) {
    const YAML::Node filled = YAML::Load(recipe.fill_in(std::vector<double>{normalize, rescale}));
    return filled["parameters"]["normalize"].as<std::string>() + " " +
           filled["parameters"]["rescale"].as<std::string>();
  };
  EXPECT_EQ(words(0.49, 0.3), "false false");  // false, true, inverse
  EXPECT_EQ(words(0.5, 0.34), "true true");
  EXPECT_EQ(words(1, 1), "true inverse");
  EXPECT_EQ(recipe.first_recipe()["parameters"]["normalize"].as<std::string>(), "true");
  EXPECT_THAT(error_of(begin + "{gene: r, high: 2}}"),
              HasSubstr("goes from 0 to 1: search.yaml:2: r"));
  const RecipeTemplate layers =
      parse("merge_method: ties\nparameters: {normalize: {gene: n, per: layer}}");
  EXPECT_THAT(layers.fill_in(std::vector<double>{0, 1, 0}), HasSubstr("[false, true]"));
}

TEST(RecipeTemplate, MistakesAreNamed) {
  EXPECT_THAT(error_of("{w: {gene: x, hi: 2}}"), HasSubstr("unknown key in a gene"));
  EXPECT_THAT(error_of("{w: {gene: x, hihg: 2}}"), HasSubstr("did you mean 'high'?"));
  EXPECT_THAT(error_of("{w: {gene: x, per: layers}}"), HasSubstr("did you mean 'layer'?"));
  EXPECT_THAT(error_of("{w: {gene: x, low: 2, high: 1}}"), HasSubstr("low < high"));
  EXPECT_THAT(error_of("{w: {gene: x, init: 3}}"), HasSubstr("outside"));
  EXPECT_THAT(error_of("{w: {gene: x, low: .nan}}"), HasSubstr("not a number"));
  EXPECT_THAT(error_of("{a: {gene: x}, b: {gene: x}}"), HasSubstr("same name"));
  EXPECT_THAT(error_of("{w: 1}"), HasSubstr("no gene"));
}

TEST(RecipeTemplate, MistakesNameTheLineOfTheFile) {
  EXPECT_THAT(error_of("a: 1\nw:\n  gnee: x\n  low: 0\n"),
              HasSubstr("unknown key in a gene: search.yaml:3: 'gnee' (did you mean 'gene'?)"));
  EXPECT_THAT(error_of("a: 1\nw: {gene: x, low: 0,\n  per: layers}\n"),
              HasSubstr("search.yaml:3: "));
  EXPECT_THAT(error_of("a: 1\nw: {low: 0, high: 1}\n"),
              HasSubstr("search.yaml:2: 'gene' is missing"));
}

TEST(RecipeTemplate, AGeneHasTheLayersOfItsComponent) {
  const RecipeTemplate recipe = parse(
      "parameters: {w: {gene: all, per: layer}}\n"
      "components:\n"
      "  text: {models: [{parameters: {w: {gene: t, per: layer}}}]}\n"
      "  vision: {models: [{parameters: {w: {gene: v, per: layer}}}]}\n"
      "  projector: {parameters: {w: {gene: p, per: module}}}\n");
  EXPECT_THAT(names(recipe),
              ElementsAre("all.0", "all.1", "all.rest", "t.0", "t.1", "t.rest", "v.0", "v.1", "v.2",
                          "v.rest", "p.attention", "p.mlp", "p.rest"));
  const std::vector<Gene>& genes = recipe.genes();
  EXPECT_EQ(genes[0].component, std::nullopt);
  EXPECT_EQ(genes[3].component, Component::kText);
  EXPECT_EQ(genes[6].component, Component::kVision);
  EXPECT_EQ(genes[10].component, Component::kProjector);
}

TEST(RecipeTemplate, ModulesOfMergekitAreComponents) {
  const RecipeTemplate recipe = parse(
      "models: [{parameters: {w: {gene: m}}}]\n"
      "modules:\n"
      "  text_decoder: {parameters: {w: {gene: t}}}\n"
      "  vision_tower: {parameters: {w: {gene: v, per: layer}}}\n");
  EXPECT_THAT(names(recipe), ElementsAre("m", "t", "v.0", "v.1", "v.2", "v.rest"));
  EXPECT_EQ(recipe.genes()[0].component, Component::kText);
  EXPECT_EQ(recipe.genes()[1].component, Component::kText);
  EXPECT_EQ(recipe.genes()[2].component, Component::kVision);
}

TEST(RecipeTemplate, AProjectorHasNoLayers) {
  EXPECT_THAT(error_of("components:\n  projector: {parameters: {w: {gene: p, per: layer}}}\n"),
              HasSubstr("gene for each layer of what has no layers: search.yaml:2: p"));
}

TEST(RecipeTemplate, FirstRecipeHasTheInitialValuesAndKnowsItsLines) {
  const YAML::Node recipe = YAML::Load("a: 1\n\nw: {gene: x, init: 0.25}\n");
  const RecipeTemplate filled(recipe, {2, 0}, "search.yaml");
  EXPECT_EQ(filled.first_recipe()["w"].as<double>(), 0.25);
  for (const auto& entry : filled.first_recipe()) {
    EXPECT_EQ(entry.first.Mark().line, entry.first.Scalar() == "w" ? 2 : 0);
  }
}

}  // namespace
}  // namespace vlm
