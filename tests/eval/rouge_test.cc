#include "eval/rouge.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/philox.h"
#include "eval/segmentation.h"
#include "tests/eval/golden_lines.h"

namespace vlm {
namespace {

using Texts = std::vector<std::string>;

void expect_score(const RougeScore& score, const Json& expected, const std::string& where) {
  EXPECT_NEAR(score.precision, expected[0].get<double>(), 1e-12) << where;
  EXPECT_NEAR(score.recall, expected[1].get<double>(), 1e-12) << where;
  EXPECT_NEAR(score.f1, expected[2].get<double>(), 1e-12) << where;
}

NumberedTokens numbered(const Texts& reference, const Texts& prediction) {
  return number_tokens(std::span<const std::string>(reference),
                       std::span<const std::string>(prediction));
}

class GoldenRouge : public testing::TestWithParam<ScoreTokenizer> {};

TEST_P(GoldenRouge, EqualsRougeScore012) {
  const WordSegmenter segmenter;
  const std::string key = GetParam() == ScoreTokenizer::kIcuWord ? "icu_word" : "characters";
  const auto lines = golden_lines("rouge.jsonl");
  EXPECT_EQ(lines.size(), 100U);
  double sum_l = 0.0;
  for (const auto& [line, where] : lines) {
    const Json& expected = line[key];
    const Texts reference = tokenize(GetParam(), segmenter, line["reference"].get<std::string>());
    const Texts prediction = tokenize(GetParam(), segmenter, line["prediction"].get<std::string>());
    EXPECT_EQ(reference, expected["reference_tokens"].get<Texts>()) << where;
    EXPECT_EQ(prediction, expected["prediction_tokens"].get<Texts>()) << where;
    const NumberedTokens tokens = numbered(reference, prediction);
    expect_score(rouge_n(tokens, 1), expected["rouge1"], where);
    expect_score(rouge_n(tokens, 2), expected["rouge2"], where);
    expect_score(rouge_l(tokens), expected["rougeL"], where);
    sum_l += rouge_l(tokens).f1;
  }
  const double expected_mean =
      GetParam() == ScoreTokenizer::kIcuWord ? 66.90020122078361 : 69.57667254338887;
  EXPECT_NEAR(sum_l, expected_mean, 1e-10);
}

INSTANTIATE_TEST_SUITE_P(Rouge, GoldenRouge,
                         testing::Values(ScoreTokenizer::kIcuWord, ScoreTokenizer::kCharacter));

TEST(Rouge, EmptySidesScoreZero) {
  for (const auto& tokens : {numbered({}, {}), numbered({"a"}, {}), numbered({}, {"a"})}) {
    EXPECT_EQ(rouge_l(tokens).f1, 0.0);
    EXPECT_EQ(rouge_n(tokens, 1).f1, 0.0);
    EXPECT_EQ(rouge_n(tokens, 2).f1, 0.0);
  }
}

TEST(Rouge, OneTokenHasNoBigram) {
  EXPECT_EQ(rouge_n(numbered({"a"}, {"a"}), 2).f1, 0.0);
}

TEST(Rouge, RepeatsCountAtMostAsOftenAsInTheOtherText) {
  const RougeScore score = rouge_n(numbered({"a", "b"}, {"a", "a", "a", "a"}), 1);
  EXPECT_EQ(score.precision, 0.25);
  EXPECT_EQ(score.recall, 0.5);
}

// The definition itself, exponential: the longest common subsequence by trying both ways.
std::size_t plain_lcs(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b) {
  if (a.empty() || b.empty()) return 0;
  if (a[0] == b[0]) return 1 + plain_lcs(a.subspan(1), b.subspan(1));
  return std::max(plain_lcs(a.subspan(1), b), plain_lcs(a, b.subspan(1)));
}

TEST(Rouge, LongestCommonSubsequenceEqualsThePlainRecursion) {
  RandomStream random(1, 0);
  for (int round = 0; round < 200; ++round) {
    NumberedTokens tokens;
    for (std::uint64_t i = 1 + random.below(8); i > 0; --i) {
      tokens.reference.push_back(static_cast<std::uint32_t>(random.below(4)));
    }
    for (std::uint64_t i = 1 + random.below(8); i > 0; --i) {
      tokens.prediction.push_back(static_cast<std::uint32_t>(random.below(4)));
    }
    const auto expected = static_cast<double>(plain_lcs(tokens.reference, tokens.prediction));
    EXPECT_DOUBLE_EQ(rouge_l(tokens).recall * static_cast<double>(tokens.reference.size()),
                     expected);
  }
}

}  // namespace
}  // namespace vlm
