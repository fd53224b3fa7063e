#include "model/gguf_token_table.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace vlm {
namespace {

TEST(GgufTokenTable, FillsGapsWithUnusedTokens) {
  GgufTokenTable table;
  table.set(2, "c", PieceType::kNormal, 1.5F);
  table.set(0, "a", PieceType::kControl);
  table.resize(4);
  EXPECT_THAT(table.texts(), testing::ElementsAre("a", "[PAD1]", "c", "[PAD3]"));
  EXPECT_THAT(table.types(), testing::ElementsAre(3, 5, 1, 5));
  EXPECT_THAT(table.scores(), testing::ElementsAre(0, -1000, 1.5F, -1000));
  table.resize(1);
  EXPECT_EQ(table.size(), 1U);
}

std::string split(const std::string& digits) {
  return R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|)" + digits +
         R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
}

Json sequence(const Json& first, bool cuts_words) {
  return {{"type", "Sequence"},
          {"pretokenizers", {first, {{"type", "ByteLevel"}, {"use_regex", cuts_words}}}}};
}

Json regex(const std::string& pattern) {
  return {{"type", "Split"}, {"pattern", {{"Regex", pattern}}}};
}

TEST(GgufPreTokenizer, KnowsTheFamilies) {
  EXPECT_EQ(gguf_pre_tokenizer({{"type", "ByteLevel"}}, "t"), "gpt-2");
  EXPECT_EQ(gguf_pre_tokenizer(sequence(regex(split(R"(\p{N}{1,3})")), false), "t"), "llama-bpe");
  EXPECT_EQ(gguf_pre_tokenizer(sequence(regex(split(R"(\p{N})")), false), "t"), "qwen2");
  const Json digits = {{"type", "Digits"}, {"individual_digits", true}};
  EXPECT_EQ(gguf_pre_tokenizer(sequence(digits, true), "t"), "smollm");
}

TEST(GgufPreTokenizer, RefusesAllOthers) {
  const Json three = {{"type", "Digits"}, {"individual_digits", false}};
  for (const Json& other : {sequence(regex("."), false), sequence(three, true),
                            Json{{"type", "ByteLevel"}, {"use_regex", false}}, Json("x"), Json()}) {
    EXPECT_THROW(gguf_pre_tokenizer(other, "t"), Error) << other;
  }
}

}  // namespace
}  // namespace vlm
