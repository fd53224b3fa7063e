#include "merge/recipe_documents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/merge/made_up_models.h"

namespace vlm {
namespace {

using testing::HasSubstr;

const MadeUpModels kModels = {{"one", {.value = 1}}, {"two", {.value = 2}}, {"five", {.value = 5}}};

ModelPool pool() {
  return {[](const std::string& name) -> std::shared_ptr<const Checkpoint> {
            const auto found = kModels.find(name);
            if (found == kModels.end()) throw Error(ErrorCode::kNotFound, "no model: " + name);
            return make_up(found->second);
          },
          ""};
}

std::string document(const std::string& name, const std::string& a, const std::string& b) {
  return "---\n" + (name.empty() ? "" : "name: " + name + "\n") + "models:\n- {model: " + a +
         ", parameters: {weight: 1}}\n- {model: " + b +
         ", parameters: {weight: 1}}\nmerge_method: linear\n";
}

float merged_value(const std::string& text, const std::string& name = "") {
  ModelPool models = pool();
  RecipeDocuments documents(parse_recipe_documents(text, "r.yaml"), models, {});
  return first_value(*documents.merge(name), "text/model.norm.weight");
}

std::string refusal(const std::string& text, const std::string& name = "") {
  return message_of([&] { merged_value(text, name); });
}

TEST(RecipeDocuments, ANamedDocumentIsAModelOfTheOthersInAnyOrder) {
  const std::string result = document("", "half", "five");
  const std::string half = document("half", "one", "two");
  EXPECT_EQ(merged_value(half + result), 3.25F);
  EXPECT_EQ(merged_value(result + half), 3.25F);
  EXPECT_EQ(merged_value(result + half, "half"), 1.5F);
}

TEST(RecipeDocuments, NamesAreOnlyThoseOfModels) {
  EXPECT_EQ(merged_value(document("linear", "one", "two") + document("", "linear", "five")), 3.25F);
}

TEST(RecipeDocuments, TheOnlyDocumentMayHaveAName) {
  EXPECT_EQ(merged_value(document("it", "one", "two")), 1.5F);
}

TEST(RecipeDocuments, CirclesAreRefused) {
  EXPECT_THAT(
      refusal(document("a", "b", "one") + document("b", "a", "one") + document("", "a", "b")),
      HasSubstr("'a' -> 'b' -> 'a'"));
}

TEST(RecipeDocuments, OneMustBeTheResult) {
  const std::string two = document("a", "one", "two") + document("b", "a", "one");
  EXPECT_THAT(refusal(two), HasSubstr("so --document must choose one: r.yaml (known: a, b)"));
  EXPECT_EQ(merged_value(two, "b"), 1.25F);
  EXPECT_THAT(refusal(two, "c"), HasSubstr("no such document: r.yaml: 'c'"));
}

TEST(RecipeDocuments, NamesMustDiffer) {
  EXPECT_THAT(refusal(document("a", "one", "two") + document("a", "one", "five")),
              HasSubstr("'a' is there twice"));
  EXPECT_THAT(refusal(document("", "one", "two") + document("", "one", "five")),
              HasSubstr("two have none"));
}

TEST(RecipeDocuments, MasksOfTwoDocumentsAreIndependent) {
  const auto dare = [](const std::string& name) {
    return "---\n" + (name.empty() ? "" : "name: " + name + "\n") +
           "models:\n- {model: five, parameters: {weight: 1, density: 0.5}}\n"
           "merge_method: dare_linear\nbase_model: one\nparameters: {rescale: false}\n";
  };
  const std::string text = dare("a") + dare("b") + document("", "one", "two");
  ModelPool models = pool();
  RecipeDocuments documents(parse_recipe_documents(text, "r.yaml"), models,
                            {.seed = 1, .cache = {}, .allow_nan = false});
  const auto values = [&](const std::string& name) {
    const auto merged = documents.merge(name);
    std::vector<float> all;
    for (const TensorInfo& info : merged->tensors()) {
      for (const float value : read_all(*merged, info)) all.push_back(value);
    }
    return all;
  };
  EXPECT_NE(values("a"), values("b"));
}

TEST(RecipeDocuments, EndlessDocumentsAreRefused) {
  EXPECT_THAT(message_of([] { parse_recipe_documents(", a", "r.yaml"); }), HasSubstr("r.yaml"));
  std::string many;
  for (int i = 0; i < 65; ++i) many += document("d" + std::to_string(i), "one", "two");
  EXPECT_THAT(message_of([&] { parse_recipe_documents(many, "r.yaml"); }), HasSubstr("too many"));
}

}  // namespace
}  // namespace vlm
