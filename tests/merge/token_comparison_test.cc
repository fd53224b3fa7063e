#include "merge/token_comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/checkpoint/made_up_checkpoint.h"
#include "tests/checkpoint/temporary_directory.h"
#include "tests/merge/made_up_models.h"

namespace vlm {
namespace {

using testing::HasSubstr;

std::string tokenizer(const std::string& vocabulary) {
  return R"({"model": {"type": "BPE", "vocab": {)" + vocabulary + R"(}, "merges": []}})";
}

std::optional<std::string> difference(const std::string& a, const std::string& b,
                                      std::size_t num_rows = 100) {
  const TemporaryDirectory one;
  const TemporaryDirectory two;
  one.add("tokenizer.json", a);
  two.add("tokenizer.json", b);
  return token_difference(one.path(), two.path(), num_rows);
}

TEST(TokenComparison, IdsOfTheSameTokensDoNotDiffer) {
  EXPECT_EQ(difference(tokenizer(R"("a": 0, "b": 1)"), tokenizer(R"("b": 1, "a": 0)")),
            std::nullopt);
}

TEST(TokenComparison, TellsHowManyDifferAndTheFirst) {
  EXPECT_EQ(
      difference(tokenizer(R"("a": 0, "b": 1, "c": 2)"), tokenizer(R"("a": 0, "c": 1, "b": 2)")),
      R"(2 of 3 ids, the first 1: "b" and "c")");
}

TEST(TokenComparison, IdsThatOnlyOneModelHasDoNotCount) {
  EXPECT_EQ(difference(tokenizer(R"("a": 0, "b": 1)"), tokenizer(R"("a": 0, "c": 2)")),
            std::nullopt);
}

TEST(TokenComparison, IdsBeyondTheRowsDoNotCount) {
  const std::string a = tokenizer(R"("a": 0, "b": 5)");
  const std::string b = tokenizer(R"("a": 0, "c": 5)");
  EXPECT_EQ(difference(a, b, 5), std::nullopt);
  EXPECT_EQ(difference(a, b, 6), R"(1 of 2 ids, the first 5: "b" and "c")");
}

// Neither is parsed.
TEST(TokenComparison, EqualFilesAreNotRead) {
  EXPECT_EQ(difference("no tokenizer", "no tokenizer"), std::nullopt);
  EXPECT_THAT(message_of([] { difference("no tokenizer", "none"); }), HasSubstr("tokenizer.json"));
}

// Its added tokens make another table of the same tokenizer.json.
TEST(TokenComparison, FilesBesideTheTokenizerCount) {
  const TemporaryDirectory one;
  const TemporaryDirectory two;
  for (const TemporaryDirectory* const each : {&one, &two}) {
    each->add("tokenizer.json", tokenizer(R"("a": 0)"));
  }
  one.add("added_tokens.json", R"({"<x>": 1})");
  two.add("added_tokens.json", R"({"<y>": 1})");
  EXPECT_EQ(token_difference(one.path(), two.path(), 100),
            R"(1 of 2 ids, the first 1: "<x>" and "<y>")");
}

TEST(TokenComparison, AModelWithoutTokenizerIsAnError) {
  const TemporaryDirectory one;
  const TemporaryDirectory two;
  EXPECT_NE(message_of([&] { token_difference(one.path(), two.path(), 1); }), "");
}

TEST(TokenComparisons, TheSameModelsAreReadOnce) {
  const TemporaryDirectory one;
  const TemporaryDirectory two;
  one.add("tokenizer.json", tokenizer(R"("a": 0, "b": 1)"));
  two.add("tokenizer.json", tokenizer(R"("a": 0, "c": 1)"));
  TokenComparisons comparisons;
  const auto before = comparisons.difference(one.path(), two.path(), 2);
  EXPECT_EQ(before, token_difference(one.path(), two.path(), 2));
  EXPECT_TRUE(before.has_value());
  two.add("tokenizer.json", "no tokenizer");
  EXPECT_EQ(comparisons.difference(one.path(), two.path(), 2), before);
  EXPECT_NE(message_of([&] { comparisons.difference(one.path(), two.path(), 1); }), "");
  EXPECT_NE(message_of([&] { comparisons.difference(two.path(), one.path(), 2); }), "");
}

TEST(TokenComparisons, AnErrorIsThrownAgainAsItWas) {
  const TemporaryDirectory one;
  const TemporaryDirectory two;
  one.add("tokenizer.json", tokenizer(R"("a": 0)"));
  two.add("tokenizer.json", R"({"model": {"type": "?"}})");
  TokenComparisons comparisons;
  const auto compare = [&] { comparisons.difference(one.path(), two.path(), 1); };
  const std::string before = error_message(ErrorCode::kUnsupported, compare);
  EXPECT_THAT(before, HasSubstr("tokenizer without a vocabulary"));
  two.add("tokenizer.json", tokenizer(R"("a": 0)"));
  EXPECT_EQ(error_message(ErrorCode::kUnsupported, compare), before);
}

}  // namespace
}  // namespace vlm
