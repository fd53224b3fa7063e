#include "model/decoder_storage.h"

#include <utility>
#include <vector>

namespace vlm {

DecoderStorage DecoderStorage::load(const Checkpoint& checkpoint, const DecoderConfig& config,
                                    ThreadPool& pool, WeightFormat format) {
  DecoderStorage storage(checkpoint, config, format);
  storage.refill(checkpoint, pool);
  return storage;
}

StorageBytes DecoderStorage::bytes(const Checkpoint& checkpoint, const DecoderConfig& config,
                                   WeightFormat format) {
  return DecoderStorage(checkpoint, config, format).tensors_.bytes();
}

DecoderStorage::DecoderStorage(const Checkpoint& checkpoint, DecoderConfig config,
                               WeightFormat format)
    : config_(std::move(config)), format_(format), weights_(allocate(checkpoint)) {}

void DecoderStorage::refill(const Checkpoint& checkpoint, ThreadPool& pool) {
  tensors_.fill(checkpoint, pool);
}

LinearWeights DecoderStorage::allocate_linear(const Checkpoint& checkpoint, const std::string& name,
                                              const Shape& shape, bool biased) {
  const WeightMatrix* weight = tensors_.add_matrix(checkpoint, {name + ".weight"}, shape, format_);
  if (!biased) return {weight, {}};
  return {weight, tensors_.add_vector(checkpoint, {name + ".bias"}, shape[0])};
}

DecoderLayerWeights DecoderStorage::allocate_layer(const Checkpoint& checkpoint,
                                                   std::size_t layer) {
  const std::string prefix = "text/model.layers." + std::to_string(layer) + ".";
  const std::size_t hidden = config_.hidden_size;
  const std::size_t query = config_.query_width();
  const std::size_t kv = config_.kv_width();
  const std::size_t middle = config_.intermediate_size;
  const bool qkv_bias = config_.query_key_value_bias;
  const auto norm = [&](const char* name) {
    return tensors_.add_vector(checkpoint, {prefix + name}, hidden);
  };
  const auto linear = [&](const char* name, const Shape& shape, bool biased) {
    return allocate_linear(checkpoint, prefix + name, shape, biased);
  };
  return {
      .input_norm = norm("input_layernorm.weight"),
      .query = linear("self_attn.q_proj", {query, hidden}, qkv_bias),
      .key = linear("self_attn.k_proj", {kv, hidden}, qkv_bias),
      .value = linear("self_attn.v_proj", {kv, hidden}, qkv_bias),
      .attention_output =
          linear("self_attn.o_proj", {hidden, query}, config_.attention_output_bias),
      .post_attention_norm = norm("post_attention_layernorm.weight"),
      .gate = linear("mlp.gate_proj", {middle, hidden}, config_.mlp_bias),
      .up = linear("mlp.up_proj", {middle, hidden}, config_.mlp_bias),
      .down = linear("mlp.down_proj", {hidden, middle}, config_.mlp_bias),
  };
}

DecoderWeights DecoderStorage::allocate(const Checkpoint& checkpoint) {
  const Shape table{config_.vocab_size, config_.hidden_size};
  const auto add_table = [&](const char* name) {
    return tensors_.add_matrix(checkpoint, {name}, table, format_);
  };
  const WeightMatrix* embeddings = add_table("text/model.embed_tokens.weight");
  std::vector<DecoderLayerWeights> layers;
  for (std::size_t i = 0; i < config_.num_layers; ++i) {
    layers.push_back(allocate_layer(checkpoint, i));
  }
  const std::span<const float> norm =
      tensors_.add_vector(checkpoint, {"text/model.norm.weight"}, config_.hidden_size);
  const WeightMatrix* head = config_.tied_head ? embeddings : add_table("text/lm_head.weight");
  return {embeddings, std::move(layers), norm, head};
}

}  // namespace vlm
