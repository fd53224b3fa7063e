#include "merge/plan.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/merge/made_up_models.h"

namespace vlm {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

std::string refusal(const std::string& recipe, const MadeUpModels& models) {
  return message_of([&] { plan_of(recipe, models); });
}

TEST(MergePlan, MergesEveryTensor) {
  const MergedCheckpoint merged(plan_of(kLinearRecipe, {{"a", {.value = 1}}, {"b", {.value = 5}}}));
  EXPECT_EQ(merged.tensors().size(), 7U);
  for (const TensorInfo& info : merged.tensors()) {
    EXPECT_EQ(first_value(merged, info.name), 4.0F) << info.name;
    EXPECT_FALSE(merged.is_copy(info));
  }
}

TEST(MergePlan, ParametersComeFromSourceSliceRecipeDefault) {
  const MergedCheckpoint merged(plan_of(
      "slices:\n"
      "- sources:\n"
      "  - {model: a, layer_range: [0, 2], parameters: {weight: {filter: q_proj, value: 1}}}\n"
      "  parameters: {weight: {filter: up_proj, value: 2}}\n"
      "merge_method: linear\n"
      "parameters: {weight: 3, normalize: false}\n",
      {{"a", {.value = 1}}}));
  EXPECT_EQ(first_value(merged, "text/model.layers.0.self_attn.q_proj.weight"), 1);
  EXPECT_EQ(first_value(merged, "text/model.layers.0.mlp.up_proj.weight"), 2);
  EXPECT_EQ(first_value(merged, "text/model.norm.weight"), 3);
}

TEST(MergePlan, ASliceMayHaveABaseOfItsOwn) {
  const auto slice = [](const std::string& base, const std::string& layers) {
    return "- {sources: [{model: " + base + ", layer_range: " + layers +
           "}, {model: m, layer_range: " + layers + "}], base_model: " + base + "}\n";
  };
  const MergedCheckpoint merged(
      plan_of("slices:\n" + slice("a", "[0, 1]") + slice("b", "[1, 2]") +
                  "merge_method: task_arithmetic\nparameters: {weight: 0.5}\n",
              {{"a", {.value = 1}}, {"b", {.value = 3}}, {"m", {.value = 5}}}));
  EXPECT_EQ(first_value(merged, "text/model.embed_tokens.weight"), 3);  // (1 + 5) / 2
  EXPECT_EQ(first_value(merged, "text/model.layers.0.mlp.up_proj.weight"), 3);
  EXPECT_EQ(first_value(merged, "text/model.layers.1.mlp.up_proj.weight"), 4);  // (3 + 5) / 2
  EXPECT_EQ(first_value(merged, "text/lm_head.weight"), 4);
}

// A merge of "a", value 1, and the base "b", value 3, by the lines of the weight of "a".
MergePlan plan_with_lines(const std::string& lines, const std::string& more = "") {
  return plan_of("models:\n- {model: a, parameters: {weight: [" + lines +
                     "]}}\nmerge_method: task_arithmetic\nbase_model: b\n" + more,
                 {{"a", {.value = 1}}, {"b", {.value = 3}}});
}

TEST(MergePlan, FiltersSelectByPatternAndComponent) {
  const MergedCheckpoint merged(plan_with_lines(
      R"({regex: 'layers\.0\.mlp', value: 1}, {component: text, layers: [1, 2], value: 0.5}, {value: 0})"));
  EXPECT_EQ(first_value(merged, "text/model.layers.0.mlp.up_proj.weight"), 1);
  EXPECT_EQ(first_value(merged, "text/model.layers.1.mlp.up_proj.weight"), 2);
  EXPECT_EQ(first_value(merged, "text/model.norm.weight"), 3);
}

TEST(MergePlan, LinesThatSelectNothingAreReported) {
  const auto warnings = [](const std::string& line) {
    return plan_with_lines(line + ", {value: 1}").warnings;
  };
  EXPECT_THAT(warnings("{filter: self_attn, value: 0.5}"), IsEmpty());
  EXPECT_THAT(warnings("{filter: self_atn, value: 0.5}"),
              testing::ElementsAre("a line selects no tensor: recipe.yaml:2: weight: filter "
                                   "'self_atn' (did you mean 'self_attn'?)"));
  EXPECT_THAT(warnings("{layers: [10, 20], value: 0.5}"),
              testing::ElementsAre(HasSubstr("layers [10, 20] (layers go to 1)")));
  EXPECT_THAT(message_of([&] { warnings("{regex: 'layers[.]0[.]self_atn', value: 0.5}"); }),
              testing::AllOf(HasSubstr("a line selects no tensor"),
                             HasSubstr("(did you mean 'self_attn'?)")));
  EXPECT_THAT(message_of([&] { warnings("{component: vision, value: 0.5}"); }),
              HasSubstr("component 'vision' (merged: text)"));
}

TEST(MergePlan, AHopToALayerThatIsNotThereIsReportedAsItIsWritten) {
  EXPECT_EQ(refusal("path: [{model: a, layer: 1}, {model: a, layer: 99}]\n", {{"a", {}}}),
            "path leads to a layer that is not there: recipe.yaml: a has 2 layers, layer: 99");
}

TEST(MergePlan, TensorsThatNoLineSelectsAreAnErrorOrTheBases) {
  const std::string lines = "{filter: q_proj, value: 1}";
  EXPECT_THAT(message_of([&] { plan_with_lines(lines); }), HasSubstr("'weight' is missing"));
  const MergedCheckpoint merged(plan_with_lines(lines, "unmatched: copy_base\n"));
  EXPECT_EQ(first_value(merged, "text/model.layers.0.self_attn.q_proj.weight"), 1);
  EXPECT_EQ(first_value(merged, "text/model.layers.0.mlp.up_proj.weight"), 3);
  EXPECT_TRUE(merged.is_copy(*merged.find("text/model.norm.weight")));
  EXPECT_THAT(refusal("models: [{model: a, parameters: {weight: [" + lines +
                          "]}}]\nmerge_method: linear\nunmatched: copy_base\n",
                      {{"a", {}}}),
              HasSubstr("'unmatched: copy_base' needs a base_model"));
}

TEST(MergePlan, TensorsOfOtherShapesAreAnErrorOrTheBases) {
  const std::string recipe =
      "base_model: o\nmodels: [{model: a, parameters: {weight: 1}}]\nmerge_method: "
      "task_arithmetic\n";
  const MadeUpModels models{{"o", {.value = 3}}, {"a", {.value = 5, .vocabulary = 4}}};
  EXPECT_THAT(refusal(recipe, models), HasSubstr("shapes differ"));
  const MergedCheckpoint merged(plan_of(recipe + "unmatched: copy_base\n", models));
  for (const char* const name : {"text/model.embed_tokens.weight", "text/lm_head.weight"}) {
    EXPECT_EQ(merged.find(name)->shape, (Shape{3, 2})) << name;
    EXPECT_EQ(first_value(merged, name), 3) << name;
    EXPECT_TRUE(merged.is_copy(*merged.find(name))) << name;
  }
  EXPECT_EQ(first_value(merged, "text/model.layers.0.mlp.up_proj.weight"), 5);
  EXPECT_THAT(merged.plan().warnings,
              testing::Contains(AllOf(HasSubstr("another shape: 2 tensors"),
                                      HasSubstr("text/model.embed_tokens.weight"))));
}

// Common rows are merged whatever becomes of other tensors.
TEST(MergePlan, RowsThatAreMergedAreNoOtherShape) {
  const std::string recipe =
      "base_model: o\nmodels: [{model: a, parameters: {weight: 1}}]\nmerge_method: "
      "task_arithmetic\nembeddings: {policy: common-rows}\nunmatched: copy_base\n";
  const MergedCheckpoint merged(
      plan_of(recipe, {{"o", {.value = 3}}, {"a", {.value = 5, .vocabulary = 4}}}));
  EXPECT_EQ(first_value(merged, "text/model.embed_tokens.weight"), 5);
  EXPECT_FALSE(merged.is_copy(*merged.find("text/model.embed_tokens.weight")));
}

TEST(MergePlan, TensorsThatAModelLacksAreAnErrorOrTheBases) {
  auto with_bias = [](float value, bool has_bias) {
    const auto plain = make_up({.value = value});
    auto made = std::make_shared<MemoryCheckpoint>(plain->config());
    for (const TensorInfo& info : plain->tensors()) {
      made->add(info.name, info.shape, read_all(*plain, info));
    }
    if (has_bias) made->add("text/model.layers.1.self_attn.q_proj.bias", {2}, {value, value});
    return made;
  };
  const auto plan = [&](bool base_has, bool model_has, const std::string& rest) {
    return make_merge_plan(
        parse_recipe("base_model: o\nmodels: [{model: a, parameters: {weight: 1}}]\n"
                     "merge_method: task_arithmetic\n" +
                         rest,
                     "recipe.yaml"),
        [&](const std::string& name) -> std::shared_ptr<const Checkpoint> {
          return name == "o" ? with_bias(3, base_has) : with_bias(5, model_has);
        });
  };
  const std::string copy = "unmatched: copy_base\n";
  const std::string lacks = "model lacks a tensor";
  EXPECT_THAT(message_of([&] { plan(true, false, ""); }), HasSubstr(lacks));
  EXPECT_THAT(message_of([&] { plan(false, true, ""); }), HasSubstr(lacks));
  EXPECT_THAT(message_of([&] { plan(false, true, copy); }), HasSubstr(lacks + ": o"));
  const MergedCheckpoint merged(plan(true, false, copy));
  EXPECT_EQ(first_value(merged, "text/model.layers.1.self_attn.q_proj.bias"), 3);
  EXPECT_THAT(merged.plan().warnings, testing::Contains(HasSubstr("another shape: 1 tensor: ")));
}

TEST(MergePlan, GradientsRunOverTheLayersOfTheSliceAndElsewhereStartAtTheFirstValue) {
  const MergedCheckpoint merged(
      plan_of("models:\n- {model: a, parameters: {weight: [1, 2]}}\nmerge_method: linear\n"
              "parameters: {normalize: false}\n",
              {{"a", {.value = 1, .layers = 3}}}));
  EXPECT_EQ(first_value(merged, "text/model.embed_tokens.weight"), 1);
  EXPECT_EQ(first_value(merged, "text/model.layers.0.mlp.up_proj.weight"), 1);
  EXPECT_EQ(first_value(merged, "text/model.layers.1.mlp.up_proj.weight"), 1.5);
  EXPECT_EQ(first_value(merged, "text/model.layers.2.mlp.up_proj.weight"), 2);
  EXPECT_EQ(first_value(merged, "text/lm_head.weight"), 1);
}

TEST(MergePlan, StackTakesEndsFromFirstAndLastSliceAndCountsLayers) {
  const MergedCheckpoint merged(
      plan_of("slices:\n- sources: [{model: a, layer_range: [0, 2]}]\n"
              "- sources: [{model: b, layer_range: [1, 2]}]\nmerge_method: passthrough\n",
              {{"a", {.value = 1}}, {"b", {.value = 2}}}));
  EXPECT_EQ(first_value(merged, "text/model.embed_tokens.weight"), 1);
  EXPECT_EQ(first_value(merged, "text/model.layers.1.mlp.up_proj.weight"), 1);
  EXPECT_EQ(first_value(merged, "text/model.layers.2.mlp.up_proj.weight"), 2);
  EXPECT_EQ(first_value(merged, "text/lm_head.weight"), 2);
  EXPECT_EQ(merged.config().num_layers(), 3U);
  EXPECT_EQ(merged.config().original.at("num_hidden_layers"), 3);
  for (const TensorInfo& info : merged.tensors()) EXPECT_TRUE(merged.is_copy(info));
}

TEST(MergePlan, MistakesThatHeadersShowAreRefused) {
  const MadeUpModels models{{"a", {}}, {"b", {}}, {"c", {.layers = 3}}};
  EXPECT_THAT(
      refusal("models: [{model: a}, {model: c}]\nmerge_method: linear\nparameters: {weight: 1}\n",
              models),
      HasSubstr("number of layers: recipe.yaml: a 2, c 3"));
  EXPECT_THAT(refusal("slices: [{sources: [{model: a, layer_range: [0, 9]}]}]\n"
                      "merge_method: passthrough\n",
                      models),
              HasSubstr("a has 2 layers, range ends at 9"));
  EXPECT_THAT(refusal("slices: [{sources: [{model: a, layer_range: [1, 1]}]}]\n"
                      "merge_method: passthrough\n",
                      models),
              HasSubstr("no layers"));
  EXPECT_THAT(refusal("models: [{model: x}]\nmerge_method: passthrough\n", models),
              HasSubstr("model not found: x"));
  EXPECT_THAT(refusal("models: [{model: a}, {model: b}]\nmerge_method: passthrough\n", models),
              HasSubstr("exactly 1 model(s): recipe.yaml: 2"));
  EXPECT_THAT(refusal(kLinearRecipe + "vlm: a\n", models),
              HasSubstr("'vlm' is not a vision-language"));
}

// As mergekit does; with an adapter as in "base_model: a+adapter" such recipes are published.
TEST(MergePlan, TheBaseAloneIsCopiedAndThePlanSaysSo) {
  for (const char* const sources :
       {"models: [{model: a}]\n", "slices: [{sources: [{model: a, layer_range: [0, 2]}]}]\n"}) {
    const MergedCheckpoint merged(plan_of(
        std::string(sources) + "merge_method: ties\nbase_model: a\n", {{"a", {.value = 3}}}));
    EXPECT_EQ(first_value(merged, "text/model.layers.1.mlp.up_proj.weight"), 3);
    EXPECT_THAT(merged.plan().warnings,
                testing::ElementsAre(HasSubstr("nothing is merged, base_model is the only source: "
                                               "recipe.yaml: a")));
  }
  EXPECT_THAT(
      refusal("models: [{model: a}]\nmerge_method: model_stock\nbase_model: a\n", {{"a", {}}}),
      HasSubstr("takes 2 to 64 model(s) besides the base: recipe.yaml: 0"));
}

TEST(MergePlan, DifferentConfigsAreRefusedOrReported) {
  const auto with = [](const Json& config) {
    return MadeUpModels{{"a", {.value = 1}}, {"b", {.value = 1, .config = config}}};
  };
  EXPECT_THAT(refusal(kLinearRecipe, with({{"num_attention_heads", 2}})),
              HasSubstr("num_attention_heads: b: 2, but a: 1"));
  EXPECT_THAT(plan_of(kLinearRecipe, with({{"rope_theta", 1e6}})).warnings,
              testing::ElementsAre(HasSubstr("rope_theta: b: 1000000.0, but a: 10000.0")));
  EXPECT_THAT(plan_of(kLinearRecipe, with({{"sliding_window", nullptr}})).warnings,
              testing::ElementsAre(HasSubstr("sliding_window: b: none, but a: 4096")));
  EXPECT_THAT(plan_of(kLinearRecipe, with({})).warnings, IsEmpty());
  EXPECT_THAT(refusal(kLinearRecipe, with({{"architectures", {"EvoMistralForCausalLM"}}})),
              HasSubstr("data-flow"));
}

TEST(MergePlan, VlmKeepsItsOtherComponentsAndItsExtraRows) {
  const MadeUpModels models{{"v", {.value = 5, .vocabulary = 4, .is_vlm = true}},
                            {"a", {.value = 2}},
                            {"b", {.value = 1}}};
  const MergedCheckpoint merged(plan_of(kTaskRecipe, models));
  const auto embed = read_all(merged, *merged.find("text/model.embed_tokens.weight"));
  EXPECT_EQ(embed, (std::vector<float>{6, 6, 6, 6, 6, 6, 5, 5}));
  EXPECT_EQ(first_value(merged, "text/model.norm.weight"), 6);
  EXPECT_EQ(first_value(merged, "vision/embeddings.class_embedding"), 5);
  EXPECT_TRUE(merged.is_copy(*merged.find("projector/linear_1.weight")));
  EXPECT_TRUE(merged.config().is_vlm());
}

TEST(MergePlan, PolicyBaseKeepsTheVlmsRowsAndPolicyErrorRefuses) {
  const MadeUpModels models{{"v", {.value = 5, .vocabulary = 4, .is_vlm = true}},
                            {"a", {.value = 2}},
                            {"b", {.value = 1}}};
  const MergedCheckpoint merged(plan_of(kTaskRecipe + "embeddings: {policy: base}\n", models));
  EXPECT_EQ(first_value(merged, "text/lm_head.weight"), 5);
  EXPECT_TRUE(merged.is_copy(*merged.find("text/model.embed_tokens.weight")));
  EXPECT_EQ(first_value(merged, "text/model.norm.weight"), 6);
  EXPECT_THAT(refusal(kTaskRecipe + "embeddings: {policy: error}\n", models),
              HasSubstr("shapes differ"));
}

TEST(MergePlan, VlmMayStandOutsideOfTheMerge) {
  const MergedCheckpoint merged(
      plan_of("models: [{model: a}]\nmerge_method: passthrough\nvlm: v\n",
              {{"v", {.value = 5, .vocabulary = 4, .is_vlm = true}}, {"a", {.value = 2}}}));
  const auto head = read_all(merged, *merged.find("text/lm_head.weight"));
  EXPECT_EQ(head, (std::vector<float>{2, 2, 2, 2, 2, 2, 5, 5}));
  EXPECT_EQ(first_value(merged, "text/model.layers.1.mlp.up_proj.weight"), 2);
}

TEST(MergePlan, TiedHeadsUseTheEmbedding) {
  const MadeUpModel tied{.value = 1, .has_head = false, .config = {{"tie_word_embeddings", true}}};
  const MadeUpModel lost{.value = 1, .has_head = false};
  const MadeUpModels both{{"a", tied}, {"b", tied}};
  EXPECT_EQ(MergedCheckpoint(plan_of(kLinearRecipe, both)).find("text/lm_head.weight"), nullptr);
  const MergedCheckpoint untied(plan_of(kLinearRecipe, {{"a", tied}, {"b", {.value = 5}}}));
  EXPECT_EQ(first_value(untied, "text/lm_head.weight"), 4);
  EXPECT_EQ(untied.config().original.at("tie_word_embeddings"), false);
  EXPECT_THAT(refusal(kLinearRecipe, {{"a", {}}, {"b", lost}}),
              HasSubstr("lacks a tensor that others have: b: text/lm_head.weight"));
}

TEST(MergePlan, OutputDtypeIsThatOfTheRecipeElseTheWidest) {
  const MadeUpModel bf16{.value = 1, .dtype = DType::kBF16};
  const auto dtype_of = [](const std::string& recipe, const MadeUpModels& models) {
    const MergePlan plan = plan_of(recipe, models);
    return std::pair(plan.tensors.front().output.dtype,
                     plan.config.original.at("torch_dtype").get<std::string>());
  };
  using Expected = std::pair<DType, std::string>;
  EXPECT_EQ(dtype_of(kLinearRecipe, {{"a", bf16}, {"b", bf16}}),
            Expected(DType::kBF16, "bfloat16"));
  EXPECT_EQ(dtype_of(kLinearRecipe, {{"a", bf16}, {"b", {}}}), Expected(DType::kF32, "float32"));
  EXPECT_EQ(dtype_of(kLinearRecipe + "dtype: float16\n", {{"a", bf16}, {"b", {}}}),
            Expected(DType::kF16, "float16"));
  EXPECT_EQ(
      dtype_of(kLinearRecipe + "dtype: float32\nout_dtype: bfloat16\n", {{"a", {}}, {"b", {}}}),
      Expected(DType::kBF16, "bfloat16"));
}

TEST(MergePlan, ReadRoundsOnceToTheOutputDtype) {
  const MergedCheckpoint merged(plan_of(kLinearRecipe + "out_dtype: bfloat16\n",
                                        {{"a", {.value = 1.001F}}, {"b", {.value = 1.001F}}}));
  EXPECT_EQ(first_value(merged, "text/model.norm.weight"), 1.0F);
}

}  // namespace
}  // namespace vlm
