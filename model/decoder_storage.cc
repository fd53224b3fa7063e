#include "model/decoder_storage.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/error.h"

namespace vlm {
namespace {

// What tensors that are read at the same time may take besides the weights.
constexpr std::size_t kFillBytes = std::size_t{1} << 30U;

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
                                    ThreadPool& pool, WeightFormat format) {
  DecoderStorage storage(checkpoint, config, format);
  storage.refill(checkpoint, pool);
  return storage;
}

DecoderStorage::DecoderStorage(const Checkpoint& checkpoint, DecoderConfig config,
                               WeightFormat format)
    : config_(std::move(config)), format_(format), weights_(allocate(checkpoint)) {}

void DecoderStorage::refill(const Checkpoint& checkpoint, ThreadPool& pool) {
  std::vector<const TensorInfo*> infos;
  for (const Tensor& tensor : tensors_) {
    infos.push_back(&locate(checkpoint, tensor.name, tensor.shape));
  }
  std::vector<std::size_t> largest_first(tensors_.size());
  std::iota(largest_first.begin(), largest_first.end(), std::size_t{0});
  std::ranges::stable_sort(largest_first, [&](std::size_t a, std::size_t b) {
    return element_count(tensors_[a].shape) > element_count(tensors_[b].shape);
  });
  const auto fill_bytes = [&](std::size_t place) {
    const Tensor& tensor = tensors_[largest_first[place]];
    return tensor.matrix ? tensor.matrix->fill_bytes() : 0;
  };
  std::size_t first = 0;
  while (first < tensors_.size()) {
    std::size_t end = first + 1;
    std::size_t bytes = fill_bytes(first);
    while (end < tensors_.size() && bytes + fill_bytes(end) <= kFillBytes) {
      bytes += fill_bytes(end++);
    }
    pool.parallel_for(end - first, [&](std::size_t i) {
      const std::size_t index = largest_first[first + i];
      Tensor& tensor = tensors_[index];
      const auto read = [&](std::span<float> out) { checkpoint.read(*infos[index], out); };
      tensor.matrix ? tensor.matrix->fill(read) : read(tensor.vector.values());
    });
    first = end;
  }
}

const WeightMatrix* DecoderStorage::allocate_matrix(const Checkpoint& checkpoint,
                                                    const std::string& name, Shape shape) {
  locate(checkpoint, name, shape);
  std::unique_ptr<WeightMatrix> matrix = make_weight(format_, shape[0], shape[1]);
  return tensors_.emplace_back(Tensor{name, std::move(shape), std::move(matrix), {}}).matrix.get();
}

std::span<const float> DecoderStorage::allocate_vector(const Checkpoint& checkpoint,
                                                       const std::string& name, std::size_t size) {
  locate(checkpoint, name, {size});
  return tensors_.emplace_back(Tensor{name, {size}, nullptr, Matrix<float>(1, size)})
      .vector.values();
}

LinearWeights DecoderStorage::allocate_linear(const Checkpoint& checkpoint, const std::string& name,
                                              const Shape& shape, bool biased) {
  const WeightMatrix* weight = allocate_matrix(checkpoint, name + ".weight", shape);
  if (!biased) return {weight, {}};
  return {weight, allocate_vector(checkpoint, name + ".bias", shape[0])};
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
    return allocate_vector(checkpoint, prefix + name, hidden);
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
  const WeightMatrix* embeddings =
      allocate_matrix(checkpoint, "text/model.embed_tokens.weight", table);
  std::vector<DecoderLayerWeights> layers;
  for (std::size_t i = 0; i < config_.num_layers; ++i) {
    layers.push_back(allocate_layer(checkpoint, i));
  }
  const std::span<const float> norm =
      allocate_vector(checkpoint, "text/model.norm.weight", config_.hidden_size);
  const WeightMatrix* head =
      config_.tied_head ? embeddings : allocate_matrix(checkpoint, "text/lm_head.weight", table);
  return {embeddings, std::move(layers), norm, head};
}

}  // namespace vlm
