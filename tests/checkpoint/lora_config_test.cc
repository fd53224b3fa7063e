#include "checkpoint/lora_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/checkpoint/made_up_checkpoint.h"

namespace vlm {
namespace {

using testing::HasSubstr;

LoraConfig parse(const std::string& more) {
  return parse_lora_config(R"({"peft_type": "LORA", "r": 4, "lora_alpha": 8)" + more + "}",
                           "a.json");
}

std::string refusal(ErrorCode code, const std::string& more) {
  return error_message(code, [&] { parse(more); });
}

TEST(LoraConfig, ScalesByAlphaOverRank) {
  EXPECT_EQ(parse("").scale_of("model.norm", 4), 2.0);
  EXPECT_EQ(parse(R"(, "alpha_pattern": {"norm": 1})").scale_of("model.norm", 4), 0.25);
}

TEST(LoraConfig, StabilisesTheRankByItsRoot) {
  EXPECT_EQ(parse(R"(, "use_rslora": true)").scale_of("q_proj", 4), 4.0);
}

TEST(LoraConfig, PatternsFitTheEndOfAModulesName) {
  const LoraConfig config =
      parse(R"(, "rank_pattern": {"q_proj": 2}, "alpha_pattern": {"^model.layers.1.mlp": 40})");
  EXPECT_EQ(config.rank_of("model.layers.0.self_attn.q_proj"), 2U);
  EXPECT_EQ(config.rank_of("q_proj"), 2U);
  EXPECT_EQ(config.rank_of("model.layers.0.self_attn.seq_proj"), 4U);
  EXPECT_EQ(config.scale_of("model.layers.1.mlp", 4), 10.0);
  EXPECT_EQ(config.scale_of("tower.model.layers.1.mlp", 4), 2.0);
}

TEST(LoraConfig, TheFirstPatternOfTheFileCounts) {
  const LoraConfig config = parse(R"(, "rank_pattern": {"q_proj": 2, "a.q_proj": 3})");
  EXPECT_EQ(config.rank_of("a.q_proj"), 2U);
  const LoraConfig other = parse(R"(, "rank_pattern": {"self_attn.q_proj": 3, "q_proj": 2})");
  EXPECT_EQ(other.rank_of("self_attn.q_proj"), 3U);
}

TEST(LoraConfig, RefusesPatternsThatAreRegularExpressions) {
  EXPECT_THAT(refusal(ErrorCode::kUnsupported, R"(, "alpha_pattern": {"layers.[01].q": 3})"),
              HasSubstr("a.json: alpha_pattern: 'layers.[01].q'"));
}

TEST(LoraConfig, RefusesOtherKindsByName) {
  EXPECT_THAT(refusal(ErrorCode::kUnsupported, R"(, "use_dora": true)"),
              HasSubstr("use_dora = true"));
  EXPECT_THAT(refusal(ErrorCode::kUnsupported, R"(, "trainable_token_indices": [1])"),
              HasSubstr("trainable_token_indices"));
  EXPECT_THAT(error_message(ErrorCode::kUnsupported,
                            [] { parse_lora_config(R"({"peft_type": "LOHA"})", "a.json"); }),
              HasSubstr("LOHA"));
}

TEST(LoraConfig, RefusesAbsurdRanks) {
  for (const char* const rank : {"0", "70000"}) {
    const std::string text =
        std::string(R"({"peft_type": "LORA", "lora_alpha": 1, "r": )") + rank + "}";
    EXPECT_THAT(error_message(ErrorCode::kCorruptFile, [&] { parse_lora_config(text, "a.json"); }),
                HasSubstr(rank));
  }
}

TEST(LoraConfig, NamesSavedModulesByTheEndOfTheirName) {
  const LoraConfig config = parse(R"(, "modules_to_save": ["norm"])");
  EXPECT_TRUE(config.saves("model.layers.0.input_layernorm"));
  EXPECT_FALSE(config.saves("lm_head"));
}

}  // namespace
}  // namespace vlm
