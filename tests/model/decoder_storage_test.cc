#include "model/decoder_storage.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "language/decoder.h"
#include "tests/model/counted_checkpoint.h"

namespace vlm {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

DecoderConfig tiny_config() {
  DecoderConfig config;
  config.hidden_size = 4;
  config.num_layers = 1;
  config.layer_windows = {std::nullopt};
  config.num_heads = 2;
  config.num_kv_heads = 1;
  config.head_dim = 2;
  config.intermediate_size = 3;
  config.vocab_size = 5;
  config.rms_norm_eps = 1e-5F;
  config.query_key_value_bias = true;
  return config;
}

std::vector<TensorInfo> tiny_tensors() {
  const std::string layer = "text/model.layers.0.";
  const auto info = [](const std::string& name, const Shape& shape) {
    return TensorInfo{name, DType::kF32, shape};
  };
  return {info("text/model.embed_tokens.weight", {5, 4}),
          info(layer + "input_layernorm.weight", {4}),
          info(layer + "self_attn.q_proj.weight", {4, 4}),
          info(layer + "self_attn.q_proj.bias", {4}),
          info(layer + "self_attn.k_proj.weight", {2, 4}),
          info(layer + "self_attn.k_proj.bias", {2}),
          info(layer + "self_attn.v_proj.weight", {2, 4}),
          info(layer + "self_attn.v_proj.bias", {2}),
          info(layer + "self_attn.o_proj.weight", {4, 4}),
          info(layer + "post_attention_layernorm.weight", {4}),
          info(layer + "mlp.gate_proj.weight", {3, 4}),
          info(layer + "mlp.up_proj.weight", {3, 4}),
          info(layer + "mlp.down_proj.weight", {4, 3}),
          info("text/model.norm.weight", {4}),
          info("text/lm_head.weight", {5, 4})};
}

std::string load_error(std::vector<TensorInfo> tensors) {
  ThreadPool pool(1);
  try {
    DecoderStorage::load(CountedCheckpoint(std::move(tensors), 0.0F), tiny_config(), pool);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

float element(const WeightMatrix& weight, std::size_t row, std::size_t col) {
  std::vector<float> values(weight.cols());
  weight.read_row(row, values);
  return values[col];
}

TEST(DecoderStorage, PutsEveryTensorWhereTheDecoderLooks) {
  ThreadPool pool(2);
  const CountedCheckpoint checkpoint(tiny_tensors(), 0.0F);
  const DecoderStorage storage = DecoderStorage::load(checkpoint, tiny_config(), pool);
  const DecoderWeights& weights = storage.weights();
  EXPECT_EQ(element(*weights.embeddings, 4, 3), 0.0F);
  const LinearWeights& query_key_value = weights.layers[0].query_key_value;
  EXPECT_THAT(query_key_value.bias, ::testing::ElementsAre(3, 3, 3, 3, 5, 5, 7, 7));
  EXPECT_EQ(element(*query_key_value.weight, 3, 3), 2.0F);
  EXPECT_EQ(element(*query_key_value.weight, 4, 3), 4.0F);
  EXPECT_EQ(element(*query_key_value.weight, 7, 3), 6.0F);
  EXPECT_EQ(element(*weights.layers[0].gate_up.weight, 2, 3), 10.0F);
  EXPECT_EQ(element(*weights.layers[0].gate_up.weight, 3, 3), 11.0F);
  EXPECT_TRUE(weights.layers[0].attention_output.bias.empty());
  EXPECT_EQ(element(*weights.layers[0].down.weight, 3, 2), 12.0F);
  EXPECT_EQ(weights.final_norm[3], 13.0F);
  EXPECT_EQ(element(*weights.head, 0, 0), 14.0F);
  const Decoder decoder(storage.config(), storage.weights());  // checks all shapes
}

TEST(DecoderStorage, RefillKeepsViewsAndChangesValues) {
  ThreadPool pool(2);
  DecoderStorage storage =
      DecoderStorage::load(CountedCheckpoint(tiny_tensors(), 0.0F), tiny_config(), pool);
  const WeightMatrix* before = storage.weights().head;
  const DecoderStorage moved = [&] {
    storage.refill(CountedCheckpoint(tiny_tensors(), 100.0F), pool);
    return std::move(storage);
  }();
  EXPECT_EQ(moved.weights().head, before);
  EXPECT_EQ(element(*before, 0, 0), 114.0F);
}

TEST(DecoderStorage, TiedHeadIsTheEmbeddings) {
  ThreadPool pool(1);
  DecoderConfig config = tiny_config();
  config.tied_head = true;
  std::vector<TensorInfo> tensors = tiny_tensors();
  tensors.pop_back();
  const DecoderStorage storage =
      DecoderStorage::load(CountedCheckpoint(std::move(tensors), 0.0F), config, pool);
  EXPECT_EQ(storage.weights().head, storage.weights().embeddings);
}

TEST(DecoderStorage, MissingTensorIsNamed) {
  std::vector<TensorInfo> tensors = tiny_tensors();
  tensors.erase(tensors.begin() + 4);
  EXPECT_THAT(load_error(tensors),
              AllOf(HasSubstr("missing tensor"), HasSubstr("layers.0.self_attn.k_proj.weight")));
}

TEST(DecoderStorage, WrongShapeAndTypeAreShown) {
  std::vector<TensorInfo> tensors = tiny_tensors();
  tensors[10].shape = {3, 5};
  EXPECT_THAT(load_error(tensors),
              AllOf(HasSubstr("mlp.gate_proj.weight"), HasSubstr("[3, 5]"), HasSubstr("[3, 4]")));
  tensors = tiny_tensors();
  tensors[1].shape = {1, 4};
  EXPECT_THAT(load_error(tensors), HasSubstr("input_layernorm"));
  tensors = tiny_tensors();
  tensors[0].dtype = DType::kI8;
  EXPECT_THAT(load_error(tensors), HasSubstr("I8"));
}

TEST(DecoderStorage, AbsurdConfigFailsBeforeMemoryIsTaken) {
  ThreadPool pool(1);
  DecoderConfig config = tiny_config();
  config.vocab_size = std::size_t{1} << 24U;
  config.hidden_size = std::size_t{1} << 20U;
  EXPECT_THROW(DecoderStorage::load(CountedCheckpoint(tiny_tensors(), 0.0F), config, pool), Error);
}

}  // namespace
}  // namespace vlm
