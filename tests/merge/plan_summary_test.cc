#include "merge/plan_summary.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/lora_adapter.h"
#include "merge/model_pool.h"
#include "merge/recipe_documents.h"
#include "tests/merge/file_models.h"
#include "tests/merge/made_up_models.h"

namespace vlm {
namespace {

using testing::HasSubstr;

TEST(PlanSummary, SaysWhatHappensToEveryTensor) {
  const PlanSummary summary =
      summarize(plan_of(kTaskRecipe, {{"v", {.value = 5, .vocabulary = 4, .is_vlm = true}},
                                      {"a", {.value = 2}},
                                      {"b", {.value = 1}}}));
  EXPECT_EQ(summary.method, "task_arithmetic");
  EXPECT_EQ(summary.donor, "v");
  EXPECT_EQ(summary.num_tensors, 9U);
  EXPECT_EQ(summary.num_copied, 2U);
  EXPECT_EQ(summary.bytes_to_write, 4U * (8 + 16 + 2 + 8 + 6));
  EXPECT_EQ(summary.bytes_to_read, 4U * (34 + 6 + 2 * 30));
  ASSERT_EQ(summary.inputs.size(), 3U);
  EXPECT_EQ(summary.inputs[0].num_used, 9U);
  EXPECT_EQ(summary.inputs[0].num_tensors, 9U);
  EXPECT_THAT(summary.inputs[0].unused, testing::IsEmpty());
  EXPECT_EQ(summary.vocabulary, "common-rows");
  EXPECT_THAT(
      summary.tensors.front().sources,
      testing::ElementsAre("b: text/model.embed_tokens.weight (base)",
                           HasSubstr("v: text/model.embed_tokens.weight weight=1 density=1"),
                           HasSubstr("a: "), HasSubstr("(rows from 3 on)")));
  EXPECT_THAT(summary.warnings, testing::Each(HasSubstr("token tables were not compared")));
}

TEST(PlanSummary, HasWordsForWhatIsNoNumber) {
  const PlanSummary summary =
      summarize(plan_of("merge_method: breadcrumbs\nbase_model: a\nmodels: [{model: b}]\n"
                        "parameters: {weight: 0.25, normalize: true, scope: model}\n",
                        {{"a", {}}, {"b", {.value = 2}}}));
  EXPECT_THAT(summary.tensors.front().parameters, HasSubstr(" normalize=true "));
  EXPECT_THAT(summary.tensors.front().parameters, HasSubstr(" scope=model"));
  EXPECT_THAT(summary.tensors.front().sources.back(), HasSubstr(" weight=0.25 "));
}

TEST(PlanSummary, SaysWhatHappensToVocabularies) {
  EXPECT_EQ(summarize(plan_of(kLinearRecipe, {{"a", {}}, {"b", {}}})).vocabulary,
            "sizes must be equal");
  const Recipe recipe = parse_recipe(
      "models:\n- {model: models/tok_a, parameters: {weight: 1}}\n"
      "- {model: models/tok_b, parameters: {weight: 1}}\nmerge_method: linear\n"
      "tokenizer_source: union\n",
      "r.yaml");
  EXPECT_EQ(summarize(make_merge_plan(recipe, golden_models())).vocabulary,
            "by token (union), 76 rows");
}

// A rank-4 adapter of float32 on q_proj and v_proj, and a document of two models.
TEST(PlanSummary, CountsWhatIsBehindAdaptersAndDocuments) {
  ModelPool models = file_models(std::filesystem::path(VLM_TEST_DATA) / "merge");
  const auto bytes = [&](const std::string& model) {
    const Recipe recipe =
        parse_recipe("models: [{model: " + model + "}]\nmerge_method: passthrough\n", "r.yaml");
    return summarize(make_merge_plan(recipe, models)).bytes_to_read;
  };
  const std::uint64_t base = bytes("models/base");
  const LoraAdapter adapter(std::filesystem::path(VLM_TEST_DATA) / "checkpoint/lora/attention");
  std::uint64_t of_adapter = 0;
  for (const LoraUpdate& update : adapter.updates()) {
    of_adapter += update.a.bytes.size() + update.b.bytes.size();
  }
  EXPECT_GT(of_adapter, 0U);
  EXPECT_EQ(bytes("models/base+../checkpoint/lora/attention"), base + of_adapter);
  RecipeDocuments documents(
      parse_recipe_documents("name: soup\nmodels: [{model: models/base}, {model: models/ft_a}]\n"
                             "merge_method: linear\nparameters: {weight: 1}\n---\n"
                             "models: [{model: soup}]\nmerge_method: passthrough\n",
                             "r.yaml"),
      models, {});
  EXPECT_EQ(summarize(documents.merge("")->plan()).bytes_to_read, base + bytes("models/ft_a"));
}

TEST(PlanSummary, NamesTensorsThatAreOfNoUse) {
  const PlanSummary summary = summarize(
      plan_of("slices: [{sources: [{model: a, layer_range: [1, 2]}]}]\nmerge_method: passthrough\n",
              {{"a", {.value = 2, .layers = 3}}}));
  EXPECT_EQ(summary.inputs.front().num_tensors, 9U);
  EXPECT_EQ(summary.inputs.front().num_used, 5U);
  EXPECT_THAT(summary.inputs.front().unused,
              testing::ElementsAre("text/model.layers.0.self_attn.q_proj.weight",
                                   "text/model.layers.0.mlp.up_proj.weight",
                                   "text/model.layers.2.self_attn.q_proj.weight"));
  EXPECT_EQ(summary.bytes_to_read, 4U * (6 + 8 + 2 + 6));
}

}  // namespace
}  // namespace vlm
