#include "merge/model_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "merge/recipe_parser.h"
#include "tests/checkpoint/made_up_checkpoint.h"

namespace vlm {
namespace {

using testing::HasSubstr;

std::string refusal(const std::string& recipe) {
  return error_message(ErrorCode::kInvalidArgument, [&] { parse_recipe(recipe, "r.yaml"); });
}

TEST(ModelName, AModelMayBeAMappingAsInMergekit) {
  const auto name_of = [](const std::string& model) {
    return parse_recipe("models:\n- model: " + model + "\nmerge_method: passthrough\n", "r.yaml")
        .components[0]
        .slices[0]
        .sources[0]
        .model;
  };
  EXPECT_EQ(name_of("a@1+lora"), "a@1+lora");
  EXPECT_EQ(name_of("{model: {path: a, revision: v1}, lora: b}"), "a@v1+b");
  EXPECT_EQ(name_of("{model: a, lora: {path: b, revision: v2}}"), "a+b@v2");
  EXPECT_THAT(refusal("models:\n- model: {model: a, lroa: b}\nmerge_method: passthrough\n"),
              HasSubstr("did you mean 'lora'?"));
}

TEST(ModelName, KeysOfAModelThatMeanNothingHereAreExplained) {
  const std::string beside = "models:\n- {model: a, revision: v1}\nmerge_method: passthrough\n";
  const std::string inside =
      "models:\n- model: {model: a, override_architecture: B}\nmerge_method: passthrough\n";
  EXPECT_THAT(refusal(beside), HasSubstr("r.yaml:2: 'revision' (a revision stands behind a name: "
                                         "MODEL@REVISION)"));
  EXPECT_THAT(refusal(inside), HasSubstr("'override_architecture' (a model is what its config"));
  const auto warnings = [](const std::string& text) {
    return parse_recipe(text, "r.yaml", RecipeDialect::kMergekit).warnings;
  };
  EXPECT_THAT(warnings(beside), testing::ElementsAre(HasSubstr("'revision' (a revision stands")));
  EXPECT_THAT(warnings(inside),
              testing::ElementsAre(HasSubstr("'override_architecture' (a model is what")));
}

}  // namespace
}  // namespace vlm
