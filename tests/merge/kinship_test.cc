// Kinship against values computed with numpy in float64 (tests/data/merge/kinship), the children of
// linear recipes against the merged weights, and what does not fit together.

#include "merge/kinship.h"

#include <cmath>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/files.h"
#include "core/json_fields.h"
#include "merge/kinship_report.h"
#include "merge/model_pool.h"
#include "merge/recipe_parser.h"
#include "tests/merge/file_models.h"
#include "tests/merge/made_up_models.h"

namespace vlm {
namespace {

using testing::HasSubstr;

const std::filesystem::path kFolder = std::filesystem::path(VLM_TEST_DATA) / "merge";

KinshipModel golden_model(const std::string& name) {
  return {name, FileCheckpoint::open(kFolder / "models" / name)};
}

Kinship measure(const KinshipModel& base, const std::vector<KinshipModel>& models,
                std::size_t threads = 1) {
  ThreadPool pool(threads);
  return measure_kinship(base, models, {}, pool);
}

Kinship measure_case(const Json& golden, std::size_t threads = 1) {
  std::vector<KinshipModel> models;
  for (const Json& name : golden.at("models")) models.push_back(golden_model(name));
  return measure(golden_model(golden.at("base")), models, threads);
}

const Json& golden_cases() {
  static const Json file = read_json_file(kFolder / "kinship/cases.json");
  return file.at("cases");
}

// Both sides are sums of at most 27360 products in double: relative rounding below
// 27360 * 2^-53 = 3e-12, for values down to a thirtieth of the largest term.
void expect_close(std::optional<double> ours, const Json& theirs, const std::string& what) {
  ASSERT_EQ(ours.has_value(), !theirs.is_null()) << what;
  if (!ours) return;
  const auto wanted = theirs.get<double>();
  EXPECT_LE(std::fabs(*ours - wanted), 1e-10 * std::fabs(wanted)) << what;
}

void expect_similarity(const Similarity& ours, const Json& theirs, const std::string& what) {
  expect_close(ours.pcc, theirs.at("pcc"), what + " pcc");
  expect_close(ours.cosine, theirs.at("cosine"), what + " cosine");
  expect_close(ours.euclid, theirs.at("euclid"), what + " euclid");
}

class GoldenKinship : public testing::TestWithParam<std::size_t> {
 protected:
  [[nodiscard]] static const Json& golden() { return golden_cases().at(GetParam()); }
};

TEST_P(GoldenKinship, GramMatricesEqualNumpy) {
  const Kinship kinship = measure_case(golden());
  const Json& grams = golden().at("gram_base_and_deltas");
  ASSERT_EQ(kinship.tensors.size(), grams.size());
  for (const TensorGram& tensor : kinship.tensors) {
    const Json& wanted = grams.at(tensor.name.substr(5));
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      for (std::size_t j = 0; j < wanted.size(); ++j) {
        // Relative to the norms: an inner product may be any part of them.
        const double scale = std::sqrt(tensor.gram.product(i, i) * tensor.gram.product(j, j));
        EXPECT_NEAR(tensor.gram.product(i, j), wanted[i][j].get<double>(), 1e-12 * scale)
            << tensor.name;
      }
    }
  }
}

TEST_P(GoldenKinship, SimilaritiesEqualNumpy) {
  const KinshipReport report = report_kinship(measure_case(golden()));
  ASSERT_EQ(report.pairs.size(), golden().at("pairs").size());
  for (std::size_t i = 0; i < report.pairs.size(); ++i) {
    const PairKinship& ours = report.pairs[i];
    const Json& theirs = golden().at("pairs").at(i);
    const Json& global = theirs.at("global");
    expect_similarity(ours.global, global, "global");
    expect_close(ours.global.norm_a, global.at("norm_a"), "norm a");
    expect_close(ours.global.norm_b, global.at("norm_b"), "norm b");
    EXPECT_EQ(ours.num_elements, global.at("elements"));
    for (const NamedSimilarity& tensor : ours.tensors) {
      const std::string name = tensor.name.substr(5);
      expect_similarity(tensor.similarity, theirs.at("per_tensor").at(name), name);
    }
    const Json& mean = theirs.at("numel_weighted_mean_of_tensors");
    expect_close(ours.mean_of_tensors.pcc, mean.at("pcc"), "mean of tensors");
    expect_close(ours.mean_of_tensors.cosine, mean.at("cosine"), "mean of tensors");
    expect_close(ours.mean_of_tensors.euclid, mean.at("euclid"), "mean of tensors");
  }
  const Json& mean = golden().at("group_mean");
  expect_close(report.mean_of_pairs.pcc, mean.at("pcc"), "mean of pairs");
  expect_close(report.mean_of_pairs.cosine, mean.at("cosine"), "mean of pairs");
  expect_close(report.mean_of_pairs.euclid, mean.at("euclid"), "mean of pairs");
}

TEST_P(GoldenKinship, LinearChildFollowsFromTheGrams) {
  if (!golden().contains("linear_child")) return;
  const DeltaGram total = measure_case(golden()).total();
  std::vector<std::vector<double>> rows{{0}};
  for (const Json& weight : golden().at("linear_child").at("weights")) rows[0].push_back(weight);
  for (std::size_t i = 1; i < total.num_vectors(); ++i) {
    rows.emplace_back(total.num_vectors())[i] = 1;
  }
  const DeltaGram with_child = total.combined(rows);
  for (std::size_t i = 1; i < total.num_vectors(); ++i) {
    const std::string model = golden().at("models").at(i - 1);
    const Json& wanted = golden().at("linear_child").at("to_each_model").at(model);
    const Similarity found = similarity(with_child, 0, i);
    expect_close(found.cosine, wanted.at("cosine"), model);
    expect_close(found.euclid, wanted.at("euclid"), model);
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, GoldenKinship, testing::Range(std::size_t{0}, std::size_t{4}));

// A recipe of tests/data/merge as a model.
KinshipModel child(const std::string& text) {
  return {"child", std::make_shared<const MergedCheckpoint>(
                       make_merge_plan(parse_recipe(text, "recipe.yaml"), golden_models()))};
}

// The same tensors without a recipe, so that nothing can be predicted.
KinshipModel materialised(const KinshipModel& model) {
  auto copy = std::make_shared<MemoryCheckpoint>(model.checkpoint->config());
  for (const TensorInfo& info : model.checkpoint->tensors()) {
    copy->add(info.name, info.shape, read_all(*model.checkpoint, info));
  }
  return {"materialised", copy};
}

class LinearChild : public testing::TestWithParam<std::string> {};

// The merge rounds its sums of at most four terms to float32, each by at most 2^-24 of a value
// below the base's; measured against deltas of a tenth of the base's norm.
void expect_predicted_as_computed(const KinshipModel& recipe) {
  const Kinship predicted = measure(golden_model("base"), {golden_model("ft_a"), recipe});
  const Kinship computed =
      measure(golden_model("base"), {golden_model("ft_a"), materialised(recipe)});
  EXPECT_TRUE(predicted.is_predicted[1]);
  EXPECT_FALSE(computed.is_predicted[1]);
  constexpr double kRounding = 10 * 4 * 0x1p-24;
  for (std::size_t i = 0; i < predicted.tensors.size(); ++i) {
    const DeltaGram& ours = predicted.tensors[i].gram;
    const DeltaGram& theirs = computed.tensors[i].gram;
    const double base_norm = norm(ours, 0);
    EXPECT_NEAR(norm(ours, 2), norm(theirs, 2), kRounding * base_norm);
    EXPECT_NEAR(ours.product(1, 2), theirs.product(1, 2), kRounding * base_norm * norm(ours, 1))
        << predicted.tensors[i].name;
  }
}

TEST_P(LinearChild, IsPredictedAsItsWeightsAre) {
  expect_predicted_as_computed(
      child(read_text_file(kFolder / "recipes" / (GetParam() + ".yml")) + "\n"));
}

// In double the weights sum to 5.6e-17, which the merge does not divide by.
TEST(Kinship, WeightsThatNearlyCancelArePredictedAsTheirMergeHasThem) {
  expect_predicted_as_computed(child(
      "models:\n- {model: models/ft_a, parameters: {weight: 0.1}}\n"
      "- {model: models/ft_b, parameters: {weight: 0.2}}\n"
      "- {model: models/ft_c, parameters: {weight: -0.3}}\n"
      "merge_method: task_arithmetic\nbase_model: models/base\nparameters: {normalize: true}\n"));
}

const std::string kAdapted = "models/base+../checkpoint/lora/attention";

std::shared_ptr<const Checkpoint> open_beside(const std::string& model) {
  ModelPool pool = file_models(kFolder);
  return pool(model);
}

// Adapters and aligned vocabularies have the directory of the model below them.
TEST(Kinship, AnAdaptedModelIsNotTheModelBelowIt) {
  const KinshipModel base = golden_model("base");
  const Kinship kinship = measure(base, {{"adapted", open_beside(kAdapted)}});
  EXPECT_GT(norm(kinship.total(), 1), 0.0);
}

TEST(Kinship, ALinearMergeOfAnAdaptedModelIsPredictedAsItsWeightsAre) {
  const std::string recipe = "models:\n- {model: " + kAdapted +
                             ", parameters: {weight: 1}}\n- {model: models/ft_b, parameters: "
                             "{weight: 1}}\nmerge_method: linear\n";
  expect_predicted_as_computed({"child", std::make_shared<const MergedCheckpoint>(make_merge_plan(
                                             parse_recipe(recipe, "r.yaml"), open_beside))});
}

// tok_b has its tokens in another order than tok_a, which the recipe undoes.
TEST(Kinship, ModelsBeforeARecipeWithATokenizerDoNotChangeItsPrediction) {
  const KinshipModel base = golden_model("tok_a");
  const KinshipModel recipe = child(
      "models:\n- {model: models/tok_a, parameters: {weight: 1}}\n"
      "- {model: models/tok_b, parameters: {weight: 1}}\nmerge_method: linear\n"
      "base_model: models/tok_a\ntokenizer_source: base\n");
  const double alone = norm(measure(base, {recipe}).total(), 1);
  const Kinship behind = measure(base, {golden_model("tok_b"), recipe});
  EXPECT_TRUE(behind.is_predicted[1]);
  EXPECT_NEAR(norm(behind.total(), 2), alone, 1e-9 * alone);
  EXPECT_NEAR(norm(measure(base, {materialised(recipe)}).total(), 1), alone, 1e-5 * alone);
}

INSTANTIATE_TEST_SUITE_P(Recipes, LinearChild,
                         testing::Values("linear_normalized", "linear_unnormalized",
                                         "linear_gradient_filter", "task_arithmetic_lambda",
                                         "task_arithmetic_normalized"));

TEST(Kinship, RecipesThatAreNotLinearAreComputed) {
  for (const std::string name : {"ties_default", "slerp_scalar"}) {
    const Kinship kinship = measure(golden_model("base"),
                                    {child(read_text_file(kFolder / "recipes" / (name + ".yml")))});
    EXPECT_FALSE(kinship.is_predicted[0]);
    EXPECT_GT(norm(kinship.total(), 1), 0);
  }
}

// Its second layer is the base's third.
TEST(Kinship, LayersFromOtherPlacesAreComputed) {
  const KinshipModel recipe = child(
      "merge_method: passthrough\nslices:\n- sources: [{model: models/ft_a, layer_range: [0, 1]}]\n"
      "- sources: [{model: models/ft_a, layer_range: [2, 3]}]\n"
      "- sources: [{model: models/ft_a, layer_range: [1, 2]}]\n");
  EXPECT_FALSE(measure(golden_model("base"), {recipe}).is_predicted[0]);
}

TEST(Kinship, IsTheSameForAnyNumberOfThreads) {
  const Kinship one = measure_case(golden_cases().at(0), 1);
  const Kinship three = measure_case(golden_cases().at(0), 3);
  for (std::size_t i = 0; i < one.tensors.size(); ++i) {
    for (std::size_t j = 0; j < 16; ++j) {
      EXPECT_EQ(one.tensors[i].gram.product(j / 4, j % 4),
                three.tensors[i].gram.product(j / 4, j % 4));
    }
  }
}

TEST(Kinship, OfATowerIsThatOfItsLanguageModel) {
  const auto open = golden_models("vlm");
  const KinshipModel base{"base", open("models/base_llm")};
  const Kinship kinship =
      measure(base, {{"vlm", open("models/vlm")}, {"ja", open("models/ja_llm")}});
  for (const TensorGram& tensor : kinship.tensors) EXPECT_TRUE(tensor.name.starts_with("text/"));
  // The tower has two more rows.
  ASSERT_EQ(kinship.warnings.size(), 1U);
  EXPECT_THAT(kinship.warnings[0], HasSubstr("vocabularies differ in size: text/"));
  EXPECT_TRUE(report_kinship(kinship).pairs.front().global.pcc.has_value());
}

TEST(Kinship, TellsThatIdsStandForOtherTokens) {
  const Kinship kinship = measure(golden_model("tok_a"), {golden_model("tok_b")});
  EXPECT_THAT(kinship.warnings,
              testing::Contains(HasSubstr("token tables differ, so rows of equal id are not the "
                                          "same token: tok_b and tok_a: ")));
}

KinshipModel made_up(const std::string& name, const MadeUpModel& model) {
  return {name, make_up(model)};
}

TEST(Kinship, TiedHeadIsTheEmbeddingOfAModelWhereOthersHaveAHead) {
  const MadeUpModel tied{.value = 3, .has_head = false, .config = {{"tie_word_embeddings", true}}};
  const Kinship kinship =
      measure(made_up("base", {.value = 1}), {made_up("tied", tied), made_up("own", {.value = 2})});
  const TensorGram& head = kinship.tensors.back();
  ASSERT_EQ(head.name, "text/lm_head.weight");
  EXPECT_EQ(head.kind, "head");
  EXPECT_EQ(head.gram.product(1, 1), 6 * 4);
  EXPECT_EQ(head.gram.product(1, 2), 6 * 2);
}

TEST(Kinship, HeadsThatAllModelsTieCountOnce) {
  const MadeUpModel tied{.value = 1, .has_head = false, .config = {{"tie_word_embeddings", true}}};
  MadeUpModel other = tied;
  other.value = 2;
  const Kinship kinship = measure(made_up("base", tied), {made_up("other", other)});
  for (const TensorGram& tensor : kinship.tensors) EXPECT_NE(tensor.kind, "head");
}

TEST(Kinship, ABaseThatTiesItsHeadIsComparedWithHeads) {
  const MadeUpModel tied{.value = 1, .has_head = false, .config = {{"tie_word_embeddings", true}}};
  const Kinship kinship = measure(made_up("base", tied), {made_up("own", {.value = 2})});
  EXPECT_EQ(kinship.tensors.back().name, "text/lm_head.weight");
  EXPECT_EQ(kinship.tensors.back().gram.product(1, 1), 6);
}

TEST(Kinship, GroupsAreSumsOfTheirTensors) {
  const Kinship kinship =
      measure(made_up("base", {.value = 0}),
              {made_up("a", {.value = 1}), made_up("b", {.value = 2, .vocabulary = 5})});
  const PairKinship pair = report_kinship(kinship).pairs.at(0);
  std::vector<std::string> kinds;
  for (const NamedSimilarity& kind : pair.kinds) kinds.push_back(kind.name);
  EXPECT_THAT(kinds, testing::ElementsAre("embedding", "attention", "mlp", "norm", "head"));
  EXPECT_EQ(pair.kinds[0].num_elements, 6U);  // the three rows both have
  EXPECT_EQ(pair.kinds[1].num_elements, 8U);
  ASSERT_EQ(pair.layers.size(), 2U);
  EXPECT_EQ(pair.layers[1].name, "1");
  EXPECT_EQ(pair.layers[1].num_elements, 8U);
  EXPECT_DOUBLE_EQ(pair.layers[1].similarity.euclid, std::sqrt(8.0));
}

std::string refusal(const KinshipModel& base, const std::vector<KinshipModel>& models) {
  return message_of([&] { measure(base, models); });
}

TEST(KinshipErrors, NameTheTensorThatDoesNotFit) {
  const KinshipModel base = made_up("base", {});
  EXPECT_THAT(refusal(base, {made_up("deep", {.layers = 3})}),
              HasSubstr("base lacks a tensor that a model has: base: text/model.layers.2."));
  EXPECT_THAT(refusal(base, {made_up("shallow", {.layers = 1})}),
              HasSubstr("model lacks a tensor that the base has: shallow: text/model.layers.1."));
  EXPECT_THAT(refusal(base, {golden_model("ft_a")}), HasSubstr("base lacks a tensor"));
  auto wide = std::make_shared<MemoryCheckpoint>(base.checkpoint->config());
  for (const TensorInfo& info : base.checkpoint->tensors()) {
    Shape shape = info.shape;
    if (info.name.ends_with("up_proj.weight")) shape[1] = 3;
    wide->add(info.name, shape, std::vector<float>(element_count(shape).value()));
  }
  EXPECT_EQ(refusal(base, {{"wide", wide}}),
            "shapes differ: base: text/model.layers.0.mlp.up_proj.weight [2, 2], "
            "wide: text/model.layers.0.mlp.up_proj.weight [2, 3]");
}

TEST(KinshipErrors, NameTheModelWithValuesThatAreNotFinite) {
  const KinshipModel base = made_up("base", {.value = 1});
  for (const float value :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    EXPECT_THAT(refusal(base, {made_up("good", {}), made_up("broken", {.value = value})}),
                HasSubstr("values that are not finite: broken: text/model.embed_tokens.weight"));
  }
}

TEST(KinshipErrors, AnInterruptEndsIt) {
  ThreadPool pool(1);
  const KinshipModel base = made_up("base", {});
  EXPECT_THROW(measure_kinship(base, {base}, {{}, [] { return true; }}, pool), Error);
}

}  // namespace
}  // namespace vlm
