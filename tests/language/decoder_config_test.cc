#include "language/decoder_config.h"

#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/error_message.h"

namespace vlm {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

Json mistral_7b() {
  return parse_json(R"({"model_type": "mistral", "hidden_size": 4096, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 14336,
    "vocab_size": 32000, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "sliding_window": 4096,
    "max_position_embeddings": 32768, "hidden_act": "silu", "tie_word_embeddings": false})",
                    "config.json");
}

DecoderConfig parse(const Json& json) {
  return parse_decoder_config(JsonFields(json, "config.json"));
}

using Windows = std::vector<std::optional<std::size_t>>;

Windows all_layers(std::size_t count, std::optional<std::size_t> window) {
  return Windows(count, window);
}

std::string error_of(const Json& json) {
  return error_message([&] { parse(json); });
}

std::string error_with(const std::string& key, const Json& value) {
  Json json = mistral_7b();
  json[key] = value;
  return error_of(json);
}

TEST(DecoderConfig, ReadsMistral7b) {
  const DecoderConfig config = parse(mistral_7b());
  EXPECT_EQ(config.head_dim, 128U);
  EXPECT_EQ(config.group_size(), 4U);
  EXPECT_EQ(config.kv_width(), 1024U);
  EXPECT_EQ(config.query_width(), 4096U);
  EXPECT_THAT(config.layer_windows, ElementsAreArray(all_layers(32, 4096)));
  EXPECT_FLOAT_EQ(config.rms_norm_eps, 1e-5F);
  EXPECT_FALSE(config.tied_head);
  EXPECT_FALSE(config.query_key_value_bias);
}

TEST(DecoderConfig, ExplicitHeadDimNeedNotDivideHidden) {
  Json json = mistral_7b();
  json["head_dim"] = 64;
  json["sliding_window"] = nullptr;
  const DecoderConfig config = parse(json);
  EXPECT_EQ(config.query_width(), 2048U);
  EXPECT_THAT(config.layer_windows, ElementsAreArray(all_layers(32, std::nullopt)));
}

TEST(DecoderConfig, Qwen2HasBiasesAndNoWindowUnlessUsed) {
  Json json = mistral_7b();
  json["model_type"] = "qwen2";
  const DecoderConfig config = parse(json);
  EXPECT_TRUE(config.query_key_value_bias);
  EXPECT_FALSE(config.attention_output_bias);
  EXPECT_THAT(config.layer_windows, ElementsAreArray(all_layers(32, std::nullopt)));
}

TEST(DecoderConfig, Qwen2HasItsWindowFromMaxWindowLayersOn) {
  Json json = mistral_7b();
  json.update({{"model_type", "qwen2"},
               {"num_hidden_layers", 3},
               {"use_sliding_window", true},
               {"max_window_layers", 1}});
  const Windows expected{std::nullopt, 4096, 4096};
  EXPECT_EQ(parse(json).layer_windows, expected);
}

TEST(DecoderConfig, Qwen2LayerTypesGoBeforeMaxWindowLayers) {
  Json json = mistral_7b();
  json.update({{"model_type", "qwen2"},
               {"num_hidden_layers", 3},
               {"use_sliding_window", true},
               {"max_window_layers", 0},
               {"layer_types", {"sliding_attention", "full_attention", "sliding_attention"}}});
  const Windows expected{4096, std::nullopt, 4096};
  EXPECT_EQ(parse(json).layer_windows, expected);
  json["layer_types"][1] = "linear_attention";
  EXPECT_THAT(error_of(json), HasSubstr("layer_types[1] = \"linear_attention\""));
  json["layer_types"].erase(1);
  EXPECT_THAT(error_of(json), HasSubstr("layer_types has 2"));
  json["layer_types"] = "full_attention";
  EXPECT_THAT(error_of(json), HasSubstr("layer_types"));
}

TEST(DecoderConfig, ADataFlowModelHasAPathOfNumHops) {
  Json json = mistral_7b();
  json.update({{"model_type", "evomistral"},
               {"num_hops", 3},
               {"input_layers", {0, 5, 5}},
               {"input_scales", {1.0, 0.5, 2.0}}});
  const LayerPath expected{{{0, 1.0F}, {5, 0.5F}, {5, 2.0F}}, HopScaling::kMlpOutput};
  EXPECT_EQ(parse(json).path, expected) << "as the released code does";
  json["input_scales_of"] = "stream";
  EXPECT_EQ(parse(json).path.scaling, HopScaling::kStream);
  json["num_hops"] = 4;
  EXPECT_THAT(error_of(json), HasSubstr("num_hops is 4, input_layers has 3"));
  json["model_type"] = "mistral";
  EXPECT_EQ(parse(json).path, LayerPath{});
}

TEST(DecoderConfig, LlamaHasNoWindowAndBiasesByOption) {
  Json json = mistral_7b();
  json.update({{"model_type", "llama"}, {"attention_bias", true}, {"mlp_bias", true}});
  const DecoderConfig config = parse(json);
  EXPECT_TRUE(config.query_key_value_bias);
  EXPECT_TRUE(config.attention_output_bias);
  EXPECT_TRUE(config.mlp_bias);
  EXPECT_THAT(config.layer_windows, ElementsAreArray(all_layers(32, std::nullopt)));
}

// hf: MistralAttention and Qwen2Attention have fixed biases.
TEST(DecoderConfig, OnlyLlamaHasOptionalBiases) {
  for (const char* model_type : {"mistral", "qwen2"}) {
    Json json = mistral_7b();
    json.update({{"model_type", model_type}, {"attention_bias", true}, {"mlp_bias", true}});
    EXPECT_FALSE(parse(json).attention_output_bias) << model_type;
    EXPECT_FALSE(parse(json).mlp_bias) << model_type;
  }
}

TEST(DecoderConfig, BadNumbersAreRefusedByName) {
  EXPECT_THAT(error_with("num_key_value_heads", 5), HasSubstr("num_key_value_heads"));
  EXPECT_THAT(error_with("num_attention_heads", 24), HasSubstr("no multiple"));
  EXPECT_THAT(error_with("head_dim", 7), HasSubstr("even head_dim"));
  EXPECT_THAT(error_with("head_dim", 1048576), HasSubstr("head_dim"));
  EXPECT_THAT(error_with("rms_norm_eps", -1.0), HasSubstr("rms_norm_eps"));
  EXPECT_THAT(error_with("rope_theta", 0), HasSubstr("rope_theta"));
  for (const char* key :
       {"hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
        "intermediate_size", "vocab_size", "sliding_window"}) {
    EXPECT_THAT(error_with(key, 0), HasSubstr(key));
    EXPECT_THAT(error_with(key, std::uint64_t{1} << 50U), HasSubstr(key));
    EXPECT_THAT(error_with(key, "x"), HasSubstr(key));
    EXPECT_THAT(error_with(key, -1), HasSubstr(key));
  }
}

TEST(DecoderConfig, OtherArchitectureFeaturesAreNamed) {
  EXPECT_THAT(error_with("hidden_act", "gelu"), HasSubstr("hidden_act = gelu"));
  EXPECT_THAT(error_with("rope_scaling", {{"rope_type", "yarn"}, {"factor", 8.0}}),
              HasSubstr("rope_scaling = yarn"));
  EXPECT_THAT(error_with("partial_rotary_factor", 0.5), HasSubstr("partial_rotary_factor"));
}

}  // namespace
}  // namespace vlm
