// What recipes that people publish with their merges ask for.

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "merge/recipe_parser.h"
#include "tests/error_message.h"

namespace vlm {
namespace {

using testing::HasSubstr;

TEST(PublishedRecipes, ARecipeOfMergekitMoeIsRefusedAsSuch) {
  for (const RecipeDialect dialect : {RecipeDialect::kOwn, RecipeDialect::kMergekit}) {
    EXPECT_THAT(error_message([&] {
                  parse_recipe("base_model: a\ngate_mode: hidden\nexperts: [{source_model: b}]\n",
                               "r.yaml", dialect);
                }),
                HasSubstr("mixtures of experts are not made: r.yaml:3: "));
  }
}

TEST(PublishedRecipes, KarcherMayTakeTwentyThousandSteps) {
  const auto parse = [](const std::string& steps) {
    return parse_recipe(
        "models: [{model: a}]\nmerge_method: karcher\n"
        "parameters: {tol: 1e-9, max_iter: " +
            steps + "}\n",
        "r.yaml");
  };
  EXPECT_EQ(parse("20000").parameters.at("max_iter")[0].values, std::vector<double>{20000});
  EXPECT_THAT(error_message([&] { parse("1e9"); }), HasSubstr("max_iter is out of range"));
}

}  // namespace
}  // namespace vlm
