#include "vision/vision_config.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/error_message.h"

namespace vlm {
namespace {

using testing::HasSubstr;

VisionConfig parse(const std::string& text) {
  const Json json = parse_json(text, "config.json");
  return VisionConfig::from_json(JsonFields(json, "config.json"));
}

std::string message_of(const std::string& text) {
  return error_message([&] { parse(text); });
}

TEST(VisionConfig, DefaultsAreClipVisionConfigs) {
  const VisionConfig config = parse("{}");
  EXPECT_EQ(config.hidden_size, 768U);
  EXPECT_EQ(config.num_tokens(), 50U);  // (224 / 32)^2 + 1
  EXPECT_EQ(config.head_dim(), 64U);
  EXPECT_EQ(config.activation, quick_gelu);
}

TEST(VisionConfig, DefaultsOfSiglipAreSiglipVisionConfigs) {
  const VisionConfig config = parse(R"({"model_type": "siglip_vision_model"})");
  EXPECT_EQ(config.family, VisionFamily::kSiglip);
  EXPECT_EQ(config.num_tokens(), 196U);  // (224 / 16)^2
  EXPECT_EQ(config.layer_norm_epsilon, 1e-6F);
  EXPECT_EQ(config.activation, find_activation("gelu_pytorch_tanh"));
}

TEST(VisionConfig, CountsTheTokensOfTheTowersInUse) {
  const auto tokens = [](const char* type, int image, int patch) {
    return parse(Json{{"model_type", type}, {"image_size", image}, {"patch_size", patch}}.dump())
        .num_tokens();
  };
  EXPECT_EQ(tokens("clip_vision_model", 224, 32), 50U);
  EXPECT_EQ(tokens("clip_vision_model", 224, 16), 197U);
  EXPECT_EQ(tokens("clip_vision_model", 224, 14), 257U);
  EXPECT_EQ(tokens("clip_vision_model", 336, 14), 577U);
  EXPECT_EQ(tokens("siglip_vision_model", 224, 16), 196U);
  EXPECT_EQ(tokens("siglip_vision_model", 384, 14), 729U);  // 6 pixels are in no patch
}

TEST(VisionConfig, RefusesWhatItCannotBe) {
  EXPECT_THAT(message_of(R"({"model_type": "dinov2"})"), HasSubstr("model_type 'dinov2'"));
  EXPECT_THAT(message_of(R"({"hidden_act": "relu"})"), HasSubstr("hidden_act 'relu'"));
  EXPECT_THAT(message_of(R"({"num_attention_heads": 7})"), HasSubstr("no multiple of 7"));
  EXPECT_THAT(message_of(R"({"num_attention_heads": 0})"), HasSubstr("num_attention_heads 0"));
  EXPECT_THAT(message_of(R"({"patch_size": 300})"), HasSubstr("patches of 300"));
  EXPECT_THAT(message_of(R"({"image_size": 1000000, "patch_size": 1})"), HasSubstr("patches of 1"));
  EXPECT_THAT(message_of(R"({"num_channels": 1})"), HasSubstr("num_channels 1"));
  EXPECT_THAT(message_of(R"({"layer_norm_eps": 0})"), HasSubstr("layer_norm_eps"));
}

TEST(VisionConfig, NegativeLayersCountFromTheEnd) {
  VisionConfig config;
  config.num_layers = 3;
  EXPECT_EQ(hidden_state_index(config, -1), 3U);
  EXPECT_EQ(hidden_state_index(config, -2), 2U);
  EXPECT_EQ(hidden_state_index(config, -4), 0U);
  EXPECT_EQ(hidden_state_index(config, 3), 3U);
  EXPECT_THROW(hidden_state_index(config, 4), Error);
  EXPECT_THROW(hidden_state_index(config, -5), Error);
}

}  // namespace
}  // namespace vlm
