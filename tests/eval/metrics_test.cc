#include "eval/metrics.h"

#include <algorithm>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/error_message.h"
#include "tests/eval/golden_lines.h"

namespace vlm {
namespace {

using testing::HasSubstr;

class Metrics : public testing::Test {
 protected:
  [[nodiscard]] double score(const std::string& metric, const AnswerPair& pair) const {
    return scorer.score(parse_metric(metric), pair).value;
  }

  LanguageIdentifier identifier{bundled_language_model()};
  MetricScorer scorer{identifier};
};

AnswerPair pair_of(const Json& reference, const Json& prediction) {
  return {reference.get<std::string>(), prediction.get<std::string>(), std::nullopt};
}

TEST_F(Metrics, WholeVqaScoreEqualsTheReference) {
  const Json golden = golden_json("scores.json")["vqa"];
  double sum = 0.0;
  for (const Json& item : golden["items"]) {
    const AnswerPair pair = pair_of(item["answer"], item["prediction"]);
    EXPECT_EQ(scorer.blank_unless_japanese(pair), item["scored_prediction"]);
    EXPECT_NEAR(scorer.japanese_probability(pair.prediction), item["p_ja_prediction"].get<double>(),
                1e-4);
    const double value = score("rougeL_ja", pair);
    EXPECT_NEAR(value, item["rougeL_ja_f1_icu_word"].get<double>(), 1e-12) << item;
    sum += value;
  }
  EXPECT_NEAR(100 * sum / static_cast<double>(golden["items"].size()),
              golden["rougeL_ja_icu_word_mean_x100"].get<double>(), 1e-10);
}

TEST_F(Metrics, WholeMgsmScoreEqualsTheReference) {
  const Json golden = golden_json("scores.json")["mgsm"];
  double correct = 0.0;
  double correct_and_japanese = 0.0;
  for (const Json& item : golden["items"]) {
    const AnswerPair pair{"", item["response"].get<std::string>(),
                          item["answer_number"].get<double>()};
    EXPECT_EQ(score("acc", pair) == 1.0, item["correct"].get<bool>()) << item;
    EXPECT_EQ(score("acc_ja", pair) == 1.0, item["correct_and_japanese"].get<bool>()) << item;
    correct += score("acc", pair);
    correct_and_japanese += score("acc_ja", pair);
  }
  const auto count = static_cast<double>(golden["items"].size());
  EXPECT_DOUBLE_EQ(correct / count, golden["acc"].get<double>());
  EXPECT_DOUBLE_EQ(correct_and_japanese / count, golden["acc_ja"].get<double>());
}

TEST_F(Metrics, BlankingRuleEqualsTheReference) {
  const Json golden = golden_json("metrics.json");
  for (const Json& item : golden["vqa_language_rule"]["cases"]) {
    EXPECT_EQ(scorer.blank_unless_japanese(pair_of(item["reference"], item["prediction"])),
              item["scored_prediction"]);
  }
}

TEST_F(Metrics, ExactMatchEqualsTheReference) {
  const Json golden = golden_json("metrics.json");
  for (const Json& item : golden["exact_match"]) {
    double best = 0.0;
    for (const Json& reference : item["references"]) {
      best = std::max(best, score("exact_match", pair_of(reference, item["prediction"])));
    }
    EXPECT_EQ(100 * best, item["exact_match"].get<double>()) << item;
  }
}

TEST_F(Metrics, RougeMetricsCarryPrecisionAndRecall) {
  const MetricScore result =
      scorer.score(parse_metric("rouge1:char"), {"猫です", "猫", std::nullopt});
  ASSERT_TRUE(result.rouge.has_value());
  EXPECT_EQ(result.rouge->precision, 1.0);
  EXPECT_DOUBLE_EQ(result.rouge->recall, 1.0 / 3.0);
  EXPECT_DOUBLE_EQ(result.value, 0.5);
  EXPECT_FALSE(scorer.score(parse_metric("acc"), {"1", "1", std::nullopt}).rouge.has_value());
}

TEST_F(Metrics, LanguageRateIsOneFromOneHalf) {
  EXPECT_EQ(score("lang_ja", {"", "これは猫です。", std::nullopt}), 1.0);
  EXPECT_EQ(score("lang_ja", {"", "This is a cat.", std::nullopt}), 0.0);
  EXPECT_GT(score("p_ja", {"", "これは猫です。", std::nullopt}), 0.99);
}

TEST_F(Metrics, NumberComesFromTheReferenceIfNotGiven) {
  EXPECT_EQ(score("mgsm_number", {"8 - 1 = 7", "答えは7", std::nullopt}), 1.0);
  EXPECT_EQ(score("acc", {"なし", "なし", std::nullopt}), 0.0);
}

std::string error_of(const std::string& text) {
  return error_message([&] { parse_metric(text); });
}

TEST(MetricNames, UnknownNamesGetAHint) {
  EXPECT_THAT(error_of("rougel_ja"), HasSubstr("did you mean 'rougeL_ja'?"));
  EXPECT_THAT(error_of("rougeL:chr"), HasSubstr("did you mean 'char'?"));
  EXPECT_THAT(error_of("rougeL:mecab"), HasSubstr("not part of this build"));
  EXPECT_THAT(error_of("acc:char"), HasSubstr("takes no tokenizer"));
  EXPECT_THAT(error_of(""), HasSubstr("unknown metric"));
}

TEST(MetricNames, AllNamesParse) {
  for (const std::string& name : metric_names()) EXPECT_EQ(parse_metric(name).name, name);
}

}  // namespace
}  // namespace vlm
