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

DecoderLayerWeights DecoderStorage::allocate_layer(const Checkpoint& checkpoint,
                                                   std::size_t layer) {
  const std::string prefix = "text/model.layers." + std::to_string(layer) + ".";
  const std::size_t hidden = config_.hidden_size;
  const std::size_t query = config_.query_width();
  const std::size_t kv = config_.kv_width();
  const std::size_t middle = config_.intermediate_size;
  const auto norm = [&](const char* name) {
    return tensors_.add_vector(checkpoint, {{prefix + name, {hidden}}});
  };
  const auto linears = [&](std::vector<WantedTensor> modules, bool biased) {
    for (WantedTensor& module : modules) module.name.insert(0, prefix);
    return tensors_.add_linears(checkpoint, modules, format_, biased);
  };
  return {
      .input_norm = norm("input_layernorm.weight"),
      .query_key_value = linears({{"self_attn.q_proj", {query, hidden}},
                                  {"self_attn.k_proj", {kv, hidden}},
                                  {"self_attn.v_proj", {kv, hidden}}},
                                 config_.query_key_value_bias),
      .attention_output =
          linears({{"self_attn.o_proj", {hidden, query}}}, config_.attention_output_bias),
      .post_attention_norm = norm("post_attention_layernorm.weight"),
      .gate_up = linears({{"mlp.gate_proj", {middle, hidden}}, {"mlp.up_proj", {middle, hidden}}},
                         config_.mlp_bias),
      .down = linears({{"mlp.down_proj", {hidden, middle}}}, config_.mlp_bias),
  };
}

DecoderWeights DecoderStorage::allocate(const Checkpoint& checkpoint) {
  const Shape table{config_.vocab_size, config_.hidden_size};
  const auto add_table = [&](const char* name) {
    return tensors_.add_matrix(checkpoint, {{name, table}}, format_);
  };
  const WeightMatrix* embeddings = add_table("text/model.embed_tokens.weight");
  std::vector<DecoderLayerWeights> layers;
  for (std::size_t i = 0; i < config_.num_layers; ++i) {
    layers.push_back(allocate_layer(checkpoint, i));
  }
  const std::span<const float> norm =
      tensors_.add_vector(checkpoint, {{"text/model.norm.weight", {config_.hidden_size}}});
  const WeightMatrix* head = config_.tied_head ? embeddings : add_table("text/lm_head.weight");
  return {embeddings, std::move(layers), norm, head};
}

}  // namespace vlm
