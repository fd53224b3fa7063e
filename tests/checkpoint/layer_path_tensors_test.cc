#include "checkpoint/layer_path_tensors.h"

#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/checkpoint/made_up_checkpoint.h"

namespace vlm {
namespace {

using testing::HasSubstr;

ModelConfig data_flow_config() {
  return parse_model_config(Json::parse(R"({"architectures":["EvoMistralForCausalLM"]})"),
                            "config.json");
}

template <typename T>
TensorView vector_of(DType dtype, const std::vector<T>& values) {
  return {dtype, {values.size()}, std::as_bytes(std::span(values))};
}

template <typename T>
Json added(const char* name, DType dtype, const std::vector<T>& values) {
  ModelConfig config = data_flow_config();
  add_layer_path_tensor(config, name, vector_of(dtype, values));
  return config.json[std::string(name).substr(6)];
}

TEST(LayerPathTensors, AreKnownByTheirNames) {
  EXPECT_TRUE(is_layer_path_tensor("model.input_layers"));
  EXPECT_TRUE(is_layer_path_tensor("model.input_scales"));
  EXPECT_FALSE(is_layer_path_tensor("model.input_layernorm.weight"));
}

TEST(LayerPathTensors, LayersOfAnyNumericTypeBecomeWholeNumbers) {
  const Json expected{3, 0, 3};
  EXPECT_EQ(added<std::int64_t>("model.input_layers", DType::kI64, {3, 0, 3}), expected);
  EXPECT_EQ(added<std::int32_t>("model.input_layers", DType::kI32, {3, 0, 3}), expected);
  EXPECT_EQ(added<float>("model.input_layers", DType::kF32, {3, 0, 3}), expected);
  EXPECT_EQ(added<std::uint16_t>("model.input_layers", DType::kBF16, {0x4040, 0, 0x4040}),
            expected);
}

TEST(LayerPathTensors, ScalesKeepTheirValues) {
  const Json expected{0.5, -1.25};
  EXPECT_EQ(added<float>("model.input_scales", DType::kF32, {0.5F, -1.25F}), expected);
}

TEST(LayerPathTensors, SenselessValuesAreRefusedByName) {
  const auto refused = [](const char* name, const TensorView& tensor) {
    return error_message(ErrorCode::kCorruptFile, [&] {
      ModelConfig config = data_flow_config();
      add_layer_path_tensor(config, name, tensor);
    });
  };
  const std::vector<std::int64_t> negative{0, -1};
  const std::vector<float> half{0.5F};
  const std::vector<float> nan{NAN};
  const std::vector<std::uint8_t> bytes{1};
  EXPECT_THAT(refused("model.input_layers", vector_of(DType::kI64, negative)), HasSubstr("-1"));
  EXPECT_THAT(refused("model.input_layers", vector_of(DType::kF32, half)), HasSubstr("0.5"));
  EXPECT_THAT(refused("model.input_layers", vector_of(DType::kF32, nan)),
              HasSubstr("model.input_layers"));
  EXPECT_THAT(refused("model.input_scales", vector_of(DType::kF32, nan)), HasSubstr("finite"));
  EXPECT_THAT(refused("model.input_scales", vector_of(DType::kU8, bytes)), HasSubstr("U8"));
  EXPECT_THAT(refused("model.input_scales", {DType::kF32, {0}, {}}), HasSubstr("[0]"));
  EXPECT_THAT(refused("model.input_scales", {DType::kF32, {1, 1}, std::as_bytes(std::span(half))}),
              HasSubstr("[1, 1]"));
}

}  // namespace
}  // namespace vlm
