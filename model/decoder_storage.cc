#include "model/decoder_storage.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/error.h"

namespace vlm {
namespace {

const TensorInfo& locate(const Checkpoint& checkpoint, const std::string& name,
                         const Shape& shape) {
  const TensorInfo* info = checkpoint.find(name);
  if (info == nullptr) {
    throw Error(ErrorCode::kNotFound, "missing tensor: " + checkpoint.config().where + ": " + name);
  }
  if (info->shape != shape) {
    throw Error(ErrorCode::kCorruptFile,
                "tensor of another shape than the config says: " + checkpoint.config().where +
                    ": " + name + " is " + to_string(info->shape) + ", expected " +
                    to_string(shape));
  }
  if (!is_floating(info->dtype)) {
    throw Error(ErrorCode::kCorruptFile,
                "expected a floating tensor: " + checkpoint.config().where + ": " + name + " is " +
                    std::string(safetensors_name(info->dtype)));
  }
  return *info;
}

}  // namespace

DecoderStorage DecoderStorage::load(const Checkpoint& checkpoint, const DecoderConfig& config,
                                    ThreadPool& pool) {
  DecoderStorage storage(checkpoint, config);
  storage.refill(checkpoint, pool);
  return storage;
}

DecoderStorage::DecoderStorage(const Checkpoint& checkpoint, const DecoderConfig& config)
    : config_(config), weights_(allocate(checkpoint)) {}

void DecoderStorage::refill(const Checkpoint& checkpoint, ThreadPool& pool) {
  std::vector<const TensorInfo*> infos;
  for (const Tensor& tensor : tensors_) {
    infos.push_back(&locate(checkpoint, tensor.name, tensor.shape));
  }
  std::vector<std::size_t> largest_first(tensors_.size());
  std::iota(largest_first.begin(), largest_first.end(), std::size_t{0});
  std::ranges::stable_sort(largest_first, [&](std::size_t a, std::size_t b) {
    return tensors_[a].values.size() > tensors_[b].values.size();
  });
  pool.parallel_for(tensors_.size(), [&](std::size_t i) {
    const std::size_t index = largest_first[i];
    checkpoint.read(*infos[index], tensors_[index].values.values());
  });
}

const Matrix<float>& DecoderStorage::allocate_tensor(const Checkpoint& checkpoint,
                                                     const std::string& name, Shape shape) {
  locate(checkpoint, name, shape);
  const bool is_vector = shape.size() == 1;
  Matrix<float> values(is_vector ? 1 : shape[0], shape.back());
  tensors_.push_back({name, std::move(shape), std::move(values)});
  return tensors_.back().values;
}

LinearWeights DecoderStorage::allocate_linear(const Checkpoint& checkpoint, const std::string& name,
                                              const Shape& shape, bool biased) {
  const MatrixView<const float> weight =
      allocate_tensor(checkpoint, name + ".weight", shape).view();
  if (!biased) return {weight, {}};
  return {weight, allocate_tensor(checkpoint, name + ".bias", {shape[0]}).values()};
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
    return allocate_tensor(checkpoint, prefix + name, {hidden}).values();
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
  const MatrixView<const float> embeddings =
      allocate_tensor(checkpoint, "text/model.embed_tokens.weight", table).view();
  std::vector<DecoderLayerWeights> layers;
  for (std::size_t i = 0; i < config_.num_layers; ++i) {
    layers.push_back(allocate_layer(checkpoint, i));
  }
  const std::span<const float> norm =
      allocate_tensor(checkpoint, "text/model.norm.weight", {config_.hidden_size}).values();
  const MatrixView<const float> head =
      config_.tied_head ? embeddings
                        : allocate_tensor(checkpoint, "text/lm_head.weight", table).view();
  return {embeddings, std::move(layers), norm, head};
}

}  // namespace vlm
