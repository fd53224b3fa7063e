#include "checkpoint/token_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/checkpoint/made_up_checkpoint.h"
#include "tests/checkpoint/temporary_directory.h"

namespace vlm {
namespace {

using testing::HasSubstr;

TokenTable table_of(const std::string& tokenizer_json) {
  const TemporaryDirectory model;
  model.add("tokenizer.json", tokenizer_json);
  return TokenTable::load(model.path());
}

TEST(TokenTable, ReadsAVocabularyAndAddedTokens) {
  const TokenTable table = table_of(
      R"({"model": {"vocab": {"a": 0, "b": 1}},
          "added_tokens": [{"id": 2, "content": "<x>", "special": true, "lstrip": true}]})");
  EXPECT_EQ(table.find("b"), 1U);
  EXPECT_EQ(table.find("<x>"), 2U);
  EXPECT_EQ(table.id_limit(), 3U);
  EXPECT_FALSE(table.by_id().at(0).is_added);
  const Json& added = table.by_id().at(2).added;
  EXPECT_TRUE(added.at("lstrip").get<bool>());
  EXPECT_FALSE(added.at("normalized").get<bool>());
  EXPECT_FALSE(table.find("c"));
}

TEST(TokenTable, ReadsUnigramLists) {
  EXPECT_EQ(table_of(R"({"model": {"vocab": [["<unk>", 0], ["a", -1.5]]}})").find("a"), 1U);
}

TEST(TokenTable, TheFilesBesideAddTokens) {
  const TemporaryDirectory model;
  model.add("tokenizer.json", R"({"model": {"vocab": {"a": 0}}})");
  model.add("tokenizer_config.json",
            R"({"added_tokens_decoder": {"1": {"content": "<y>", "special": true}}})");
  model.add("added_tokens.json", R"({"<z>": 2, "<y>": 1})");
  const TokenTable table = TokenTable::load(model.path());
  EXPECT_EQ(table.find("<y>"), 1U);
  EXPECT_EQ(table.find("<z>"), 2U);
}

TEST(TokenTable, ReadsSentencePiece) {
  const TokenTable table =
      TokenTable::load(std::filesystem::path(VLM_PROJECT_DIR) / "zoo/models/en-vlm");
  EXPECT_EQ(table.by_id().at(1).text, "<s>");
  EXPECT_TRUE(table.by_id().at(1).is_added);
  EXPECT_TRUE(table.find("<image>"));
}

TEST(TokenTable, RefusesLies) {
  const auto refusal = [](const std::string& json) {
    return error_message(ErrorCode::kCorruptFile, [&] { table_of(json); });
  };
  EXPECT_THAT(refusal(R"({"model": {"vocab": {"a": 99999999999}}})"), HasSubstr("99999999999"));
  EXPECT_THAT(refusal(R"({"model": {"vocab": {"a": -1}}})"), HasSubstr("vocab"));
  EXPECT_THAT(refusal(R"({"model": {"vocab": [1]}})"), HasSubstr("[text, score]"));
  EXPECT_THAT(refusal(R"({"model": {"vocab": {}}, "added_tokens": {}})"), HasSubstr("list"));
  const TemporaryDirectory empty;
  EXPECT_THAT(error_message(ErrorCode::kNotFound, [&] { TokenTable::load(empty.path()); }),
              HasSubstr("no tokenizer"));
}

}  // namespace
}  // namespace vlm
