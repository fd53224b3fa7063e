// Recipes with a tokenizer against mergekit 0.1.5. It orders the tokens that only other models have
// at random, so rows are compared by token.

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/safetensors.h"
#include "checkpoint/token_table.h"
#include "core/files.h"
#include "merge/input_tensors.h"
#include "tests/merge/made_up_models.h"

namespace vlm {
namespace {

const std::filesystem::path kFolder = std::filesystem::path(VLM_TEST_DATA) / "merge" / "vocabulary";

MergedCheckpoint merge_golden(const std::string& name) {
  const std::string text = read_text_file(kFolder / (name + ".yml"));
  return MergedCheckpoint(make_merge_plan(parse_recipe(text, name), golden_models()));
}

class VocabularyGolden : public testing::TestWithParam<Json> {};

TEST_P(VocabularyGolden, EqualsMergekit) {
  const std::string name = GetParam().at("name");
  const MergedCheckpoint merged = merge_golden(name);
  const SafetensorsFile expected(kFolder / (name + ".safetensors"));
  const std::vector<std::string> tokens = GetParam().at("vocab");
  const TokenTable ours = TokenTable::load(merged.directory());
  EXPECT_EQ(ours.by_id().size(), tokens.size());
  EXPECT_EQ(merged.config().vocab_size(), GetParam().at("vocab_size").get<std::size_t>());
  for (const std::string_view tensor : {kEmbedName, kHeadName}) {
    const TensorInfo* const info = merged.find(tensor);
    const TensorView view = expected.view(tensor.substr(kTextPrefix.size()));
    ASSERT_EQ(info->shape, view.shape);
    const std::size_t width = info->shape[1];
    const std::vector<float> values = read_all(merged, *info);
    const std::vector<float> theirs = floats_of(view);
    const auto expect_row = [&](std::size_t row, std::size_t their_row, const std::string& what) {
      for (std::size_t i = 0; i < width; ++i) {
        EXPECT_NEAR(values[row * width + i], theirs[their_row * width + i], 1e-6) << what;
      }
    };
    for (std::size_t id = 0; id < tokens.size(); ++id) {
      const auto row = ours.find(tokens[id]);
      ASSERT_TRUE(row) << tokens[id];
      expect_row(*row, id, tokens[id]);
    }
    for (std::size_t id = tokens.size(); id < info->shape[0]; ++id) expect_row(id, id, "padding");
  }
}

INSTANTIATE_TEST_SUITE_P(
    Recipes, VocabularyGolden,
    testing::ValuesIn(read_json_file(kFolder / "cases.json").get<std::vector<Json>>()),
    [](const auto& each) { return each.param.at("name").template get<std::string>(); });

TEST(Vocabulary, AUnionKeepsTheBasesIdsAndPutsTheOthersBehindInTheirOrder) {
  const MergedCheckpoint merged = merge_golden("tokenizer_union");
  const TokenTable base =
      TokenTable::load(std::filesystem::path(VLM_TEST_DATA) / "merge/models/tok_a");
  const TokenTable ours = TokenTable::load(merged.directory());
  for (const auto& [id, token] : base.by_id()) EXPECT_EQ(ours.find(token.text), id);
  EXPECT_EQ(ours.find("onlyb0"), 64U);
  EXPECT_EQ(ours.find("onlyb10"), 74U);
  EXPECT_EQ(ours.find("<image>"), 75U);
  EXPECT_TRUE(ours.by_id().at(75).added.at("special").get<bool>());
}

TEST(Vocabulary, TheTemporaryTokenizerEndsWithTheMerge) {
  std::filesystem::path directory;
  {
    const MergedCheckpoint merged = merge_golden("tokenizer_union");
    directory = merged.directory();
    EXPECT_EQ(directory.filename(), "tok_a");
    EXPECT_TRUE(std::filesystem::exists(directory / "tokenizer.json"));
  }
  EXPECT_FALSE(std::filesystem::exists(directory));
}

std::string with_tokenizer(const std::string& tokenizer) {
  return "models:\n- {model: models/tok_a, parameters: {weight: 1}}\n"
         "- {model: models/tok_b, parameters: {weight: 1}}\n"
         "merge_method: linear\nbase_model: models/tok_a\n" +
         tokenizer + "\n";
}

MergedCheckpoint merge_with(const std::string& tokenizer) {
  return MergedCheckpoint(
      make_merge_plan(parse_recipe(with_tokenizer(tokenizer), "r.yaml"), golden_models()));
}

// tok_b has other tokens under the ids of tok_a, and more.
TEST(Vocabulary, TokensThatDifferUnderEqualIdsAreReported) {
  const std::string alike =
      "slices:\n- sources:\n  - {model: models/tok_a, layer_range: [0, 1], parameters: {weight: "
      "1}}\n  - {model: models/tok_b, layer_range: [0, 1], parameters: {weight: 1}}\n"
      "merge_method: linear\n";
  const auto plan = [](const std::string& text) {
    return make_merge_plan(parse_recipe(text, "r.yaml"), golden_models());
  };
  EXPECT_THAT(message_of([&] { plan(alike + "embeddings: {policy: common-rows}\n"); }),
              testing::AllOf(testing::HasSubstr("token tables differ"),
                             testing::HasSubstr("models/tok_b")));
  EXPECT_THAT(plan(alike + "embeddings: {policy: base}\n").warnings,
              testing::ElementsAre(testing::HasSubstr("token tables differ")));
  EXPECT_THAT(plan(alike + "tokenizer_source: base\n").warnings, testing::IsEmpty());
}

std::string refusal(const std::string& tokenizer) {
  return message_of([&] { merge_with(tokenizer); });
}

TEST(Vocabulary, TheTokenizerMayBeThatOfAModel) {
  const MergedCheckpoint merged = merge_with("tokenizer_source: models/tok_b");
  EXPECT_EQ(merged.config().vocab_size(), 67U);
  EXPECT_EQ(TokenTable::load(merged.directory()).find("onlyb0"), 54U);
  EXPECT_EQ(merged.find(kEmbedName)->shape, (Shape{67, 32}));
}

TEST(Vocabulary, PolicyUnionIsATokenizerToo) {
  EXPECT_EQ(merge_with("embeddings: {policy: union}").config().vocab_size(), 76U);
}

TEST(Vocabulary, SourcesMustBeModelsThatHaveTheToken) {
  const auto with_token = [](const std::string& source) {
    return refusal("tokenizer: {tokens: {w00: {source: " + source + ", force: true}}}");
  };
  EXPECT_THAT(with_token("models/ft_a"), testing::HasSubstr("no model of the recipe"));
  EXPECT_THAT(with_token("{kind: model_token, model: models/tok_a, token: onlyb0}"),
              testing::HasSubstr("has no row for it"));
  EXPECT_THAT(with_token("{kind: model_token, model: models/tok_a, token_id: 64}"),
              testing::HasSubstr("token_id 64"));
  EXPECT_THAT(refusal("tokenizer_source: models/ft_a"),
              testing::HasSubstr("tokenizer is of no model"));
}

}  // namespace
}  // namespace vlm
