#include "checkpoint/model_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/checkpoint/made_up_checkpoint.h"

namespace vlm {
namespace {

using testing::HasSubstr;

ModelConfig parse(const std::string& text) {
  return parse_model_config(Json::parse(text), "config.json");
}

std::string refused(ErrorCode code, const std::string& text) {
  return error_message(code, [&] { parse(text); });
}

// A LLaVA config with the text of its two parts.
std::string llava(const std::string& text, const std::string& vision) {
  return R"({"architectures":["LlavaForConditionalGeneration"],"text_config":)" + text +
         R"(,"vision_config":)" + vision + "}";
}

TEST(ModelConfig, KnowsTextFamilies) {
  for (const char* name :
       {"MistralForCausalLM", "EvoMistralForCausalLM", "LlamaForCausalLM", "Qwen2ForCausalLM"}) {
    const ModelConfig config = parse(R"({"architectures":[")" + std::string(name) + R"("]})");
    EXPECT_EQ(config.architecture, name);
    EXPECT_FALSE(config.is_vlm());
  }
}

TEST(ModelConfig, FallsBackToModelType) {
  EXPECT_EQ(parse(R"({"model_type":"mistral"})").architecture, "MistralForCausalLM");
}

TEST(ModelConfig, FillsMistralDefaults) {
  const ModelConfig config = parse(R"({"architectures":["MistralForCausalLM"]})");
  EXPECT_EQ(config.num_layers(), 32U);
  EXPECT_EQ(config.vocab_size(), 32000U);
  EXPECT_EQ(config.text().size("num_key_value_heads"), 8U);
  EXPECT_EQ(config.text().size("intermediate_size"), 14336U);
  EXPECT_EQ(config.text().size("sliding_window"), 4096U);
  EXPECT_EQ(config.text().size("max_position_embeddings"), 131072U);
  EXPECT_EQ(config.text().number("rms_norm_eps"), 1e-6);
  EXPECT_EQ(config.text().number("rope_theta"), 10000.0);
  EXPECT_FALSE(config.original.contains("hidden_size"));
}

TEST(ModelConfig, AWrittenNullStaysNull) {
  const ModelConfig config = parse(R"({"model_type":"mistral","sliding_window":null})");
  EXPECT_FALSE(config.text().has("sliding_window"));
}

TEST(ModelConfig, LlamaWithoutKeyValueHeadsHasOnePerHead) {
  const ModelConfig config = parse(R"({"model_type":"llama","num_attention_heads":16})");
  EXPECT_EQ(config.text().size("num_key_value_heads"), 16U);
}

TEST(ModelConfig, NormalisesNamesOfTransformers5) {
  const ModelConfig config = parse(
      R"({"model_type":"mistral","dtype":"bfloat16",
          "rope_parameters":{"rope_type":"default","rope_theta":1000000.0}})");
  EXPECT_EQ(config.text().number("rope_theta"), 1e6);
  EXPECT_EQ(config.text().text("torch_dtype"), "bfloat16");
  EXPECT_FALSE(config.text().has("rope_parameters"));
  EXPECT_FALSE(config.text().has("rope_scaling"));
  EXPECT_TRUE(config.original.contains("rope_parameters"));
}

TEST(ModelConfig, KeepsScaledRopeAsRopeScaling) {
  const ModelConfig config = parse(
      R"({"model_type":"llama","rope_parameters":{"rope_type":"linear","factor":2.0,
          "rope_theta":5e5}})");
  EXPECT_EQ(config.text().object("rope_scaling").text("rope_type"), "linear");
  EXPECT_EQ(config.text().object("rope_scaling").number("factor"), 2.0);
  EXPECT_EQ(config.text().number("rope_theta"), 5e5);
}

TEST(ModelConfig, KnowsTheOldSpellingInsideRopeParameters) {
  const ModelConfig config = parse(
      R"({"model_type":"llama","rope_parameters":{"type":"dynamic","factor":2.0,
          "partial_rotary_factor":0.5}})");
  EXPECT_EQ(config.text().object("rope_scaling").text("type"), "dynamic");
  EXPECT_EQ(config.text().number("partial_rotary_factor"), 0.5);
}

TEST(ModelConfig, RefusesRopeParametersOfKindsOfLayers) {
  EXPECT_THAT(refused(ErrorCode::kUnsupported,
                      R"({"model_type":"llama","rope_parameters":{"full_attention":{}}})"),
              HasSubstr("full_attention"));
}

TEST(ModelConfig, ReadsLlava) {
  const ModelConfig config =
      parse(llava(R"({"model_type":"mistral","vocab_size":32064,"dtype":"float16"})",
                  R"({"model_type":"clip_vision_model","image_size":336})"));
  EXPECT_TRUE(config.is_vlm());
  EXPECT_EQ(config.vocab_size(), 32064U);
  EXPECT_EQ(config.num_layers(), 32U);
  EXPECT_EQ(config.text().text("torch_dtype"), "float16");
  EXPECT_EQ(config.vision().size("image_size"), 336U);
  EXPECT_EQ(config.vision().text("hidden_act"), "quick_gelu");
  EXPECT_EQ(config.json["vision_feature_layer"], -2);
}

TEST(ModelConfig, UnknownArchitectureNamesTheNearestAndTheKnown) {
  const std::string message =
      refused(ErrorCode::kUnsupported, R"({"architectures":["MistralForCausaLM"]})");
  EXPECT_THAT(message, HasSubstr("did you mean 'MistralForCausalLM'?"));
  EXPECT_THAT(message, HasSubstr("LlavaForConditionalGeneration"));
  EXPECT_THAT(message, HasSubstr("config.json"));
}

TEST(ModelConfig, RefusesUnknownParts) {
  EXPECT_THAT(refused(ErrorCode::kUnsupported, llava(R"({"model_type":"gemma"})", "{}")),
              HasSubstr("gemma"));
  EXPECT_THAT(refused(ErrorCode::kUnsupported, llava("{}", R"({"model_type":"siglip_vision"})")),
              HasSubstr("siglip_vision"));
}

TEST(ModelConfig, RefusesMissingParts) {
  refused(ErrorCode::kCorruptFile, "{}");
  refused(ErrorCode::kCorruptFile, "[]");
  refused(ErrorCode::kCorruptFile, R"({"architectures":[]})");
  refused(ErrorCode::kCorruptFile, R"({"architectures":"MistralForCausalLM"})");
  refused(ErrorCode::kCorruptFile, R"({"architectures":["LlavaForConditionalGeneration"]})");
  refused(ErrorCode::kCorruptFile, llava("5", "{}"));
}

TEST(ModelConfig, RefusesAbsurdSizes) {
  for (const char* field :
       {R"("hidden_size":0)", R"("num_hidden_layers":1000000)", R"("vocab_size":-1)",
        R"("vocab_size":4294967296)", R"("num_attention_heads":"32")", R"("hidden_size":1.5)",
        R"("hidden_size":null)", R"("rope_parameters":7)",
        R"("rope_parameters":{"rope_theta":"x"})"}) {
    refused(ErrorCode::kCorruptFile, R"({"model_type":"mistral",)" + std::string(field) + "}");
  }
  refused(ErrorCode::kCorruptFile, llava("{}", R"({"patch_size":0})"));
}

}  // namespace
}  // namespace vlm
