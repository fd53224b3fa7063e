#include "language/logits_rules.h"

#include <cmath>
#include <filesystem>
#include <limits>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/json_fields.h"

namespace vlm {
namespace {

using ::testing::ElementsAre;

constexpr float kForbidden = -std::numeric_limits<float>::infinity();

// Cases of transformers' own processors on given scores.
TEST(LogitsRulesGolden, EqualTransformersProcessors) {
  const Json golden =
      read_json_file(std::filesystem::path(VLM_TEST_DATA) / "language/lm/processors.json");
  for (const Json& item : golden) {
    const auto ids = item["ids"].get<std::vector<TokenId>>();
    if (item["processor"] == "repetition_penalty") {
      auto scores = item["scores"].get<std::vector<float>>();
      penalize_repetition(scores, ids, item["value"].get<double>());
      const auto expected = item["expected"].get<std::vector<float>>();
      for (std::size_t i = 0; i < scores.size(); ++i) EXPECT_FLOAT_EQ(scores[i], expected[i]);
      continue;
    }
    std::vector<float> scores(item["vocab"].get<std::size_t>());
    forbid_repeated_ngrams(scores, ids, item["value"].get<std::size_t>());
    std::vector<TokenId> banned;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      if (scores[i] == kForbidden) banned.push_back(static_cast<TokenId>(i));
    }
    EXPECT_EQ(banned, item["banned"].get<std::vector<TokenId>>()) << item;
  }
}

TEST(LogitsRules, IdsWithoutAScoreAreIgnored) {
  std::vector<float> scores{1.0F, -1.0F};
  penalize_repetition(scores, std::vector<TokenId>{-5, 7, 0, 0, 1}, 2.0);
  EXPECT_THAT(scores, ElementsAre(0.5F, -2.0F));
  forbid_repeated_ngrams(scores, std::vector<TokenId>{9, 9}, 1);
  EXPECT_THAT(scores, ElementsAre(0.5F, -2.0F));
}

TEST(LogitsRules, EndTokenIsForbiddenUntilMinTokens) {
  GenerationOptions options;
  options.min_tokens = 2;
  options.eos_ids = {1};
  std::vector<float> scores{0.0F, 5.0F};
  apply_rules(options, std::vector<TokenId>{0}, 2, scores);
  EXPECT_THAT(scores, ElementsAre(0.0F, 5.0F));
  apply_rules(options, std::vector<TokenId>{0}, 1, scores);
  EXPECT_THAT(scores, ElementsAre(0.0F, kForbidden));
}

TEST(GenerationOptions, ImpossibleValuesAreRefused) {
  const auto is_refused = [](auto change) {
    GenerationOptions options;
    change(options);
    try {
      validate(options);
    } catch (const Error& error) {
      return error.code() == ErrorCode::kInvalidArgument;
    }
    return false;
  };
  EXPECT_FALSE(is_refused([](GenerationOptions&) {}));
  EXPECT_TRUE(is_refused([](GenerationOptions& o) { o.max_tokens = 0; }));
  EXPECT_TRUE(is_refused([](GenerationOptions& o) { o.max_tokens = std::size_t{1} << 40U; }));
  EXPECT_TRUE(is_refused([](GenerationOptions& o) { o.min_tokens = 1000; }));
  EXPECT_TRUE(is_refused([](GenerationOptions& o) { o.num_beams = 0; }));
  EXPECT_TRUE(is_refused([](GenerationOptions& o) { o.num_beams = 100000; }));
  EXPECT_TRUE(is_refused([](GenerationOptions& o) { o.length_penalty = NAN; }));
  EXPECT_TRUE(is_refused([](GenerationOptions& o) { o.repetition_penalty = 0.0; }));
  EXPECT_TRUE(is_refused([](GenerationOptions& o) { o.temperature = -0.1; }));
  EXPECT_TRUE(is_refused([](GenerationOptions& o) { o.temperature = INFINITY; }));
  EXPECT_TRUE(is_refused([](GenerationOptions& o) { o.top_p = 1.1; }));
  EXPECT_TRUE(is_refused([](GenerationOptions& o) { o.top_p = NAN; }));
  EXPECT_TRUE(is_refused([](GenerationOptions& o) { o.min_p = -0.1; }));
  EXPECT_FALSE(is_refused([](GenerationOptions& o) { o.temperature = 0.5; }));
  EXPECT_TRUE(is_refused([](GenerationOptions& o) {
    o.temperature = 0.5;
    o.num_beams = 2;
  }));
  EXPECT_TRUE(is_refused([](GenerationOptions& o) { o.stop = {""}; }));
  EXPECT_TRUE(is_refused([](GenerationOptions& o) {
    o.stop = {"x"};
    o.num_beams = 2;
  }));
}

}  // namespace
}  // namespace vlm
