#include "model/vision_storage.h"

#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "projector/projector.h"

namespace vlm {
namespace {

// Adds tensors of one checkpoint, matrices in one format.
class TensorCollector {
 public:
  TensorCollector(const Checkpoint& checkpoint, WeightFormat format, StoredTensors& tensors)
      : checkpoint_(checkpoint), format_(format), tensors_(tensors) {}

  [[nodiscard]] WeightFormat format() const noexcept { return format_; }

  std::span<const float> vector(const std::string& name, std::size_t size) {
    return tensors_.add_vector(checkpoint_, {{name, {size}}});
  }
  MatrixView<const float> floats(const std::string& name, const Shape& shape) {
    return tensors_.add_floats(checkpoint_, {{name, shape}});
  }
  LayerNormWeights norm(const std::string& name, std::size_t size) {
    return {.scale = vector(name + ".weight", size), .bias = vector(name + ".bias", size)};
  }
  LinearWeights linear(const std::string& name, std::size_t out, std::size_t in) {
    return tensors_.add_linears(checkpoint_, {{name, {out, in}}}, format_, true);
  }
  // Linear layers of equal shape, their weights and biases one below the other.
  LinearWeights stacked_linears(const std::vector<std::string>& names, std::size_t out,
                                std::size_t in) {
    std::vector<WantedTensor> modules;
    modules.reserve(names.size());
    for (const std::string& name : names) modules.push_back({name, {out, in}});
    return tensors_.add_linears(checkpoint_, modules, format_, true);
  }

 private:
  const Checkpoint& checkpoint_;
  WeightFormat format_;
  StoredTensors& tensors_;
};

VisionBlockWeights collect_block(TensorCollector& tensors, const VisionConfig& config,
                                 std::size_t block) {
  const std::string prefix = "vision/encoder.layers." + std::to_string(block) + ".";
  const std::string attention = prefix + "self_attn.";
  const std::size_t hidden = config.hidden_size;
  return {.norm_before_attention = tensors.norm(prefix + "layer_norm1", hidden),
          .query_key_value = tensors.stacked_linears(
              {attention + "q_proj", attention + "k_proj", attention + "v_proj"}, hidden, hidden),
          .output = tensors.linear(attention + "out_proj", hidden, hidden),
          .norm_before_mlp = tensors.norm(prefix + "layer_norm2", hidden),
          .up = tensors.linear(prefix + "mlp.fc1", config.intermediate_size, hidden),
          .down = tensors.linear(prefix + "mlp.fc2", hidden, config.intermediate_size)};
}

VisionWeights collect_vision(TensorCollector& tensors, const VisionConfig& config,
                             std::size_t num_blocks) {
  const std::size_t hidden = config.hidden_size;
  const std::size_t patch = config.patch_size_px;
  VisionWeights weights{
      .format = tensors.format(),
      .class_embedding = {},
      .patch_embedding = tensors.floats("vision/embeddings.patch_embedding.weight",
                                        {hidden, config.num_channels, patch, patch}),
      .patch_bias = {},
      .position_embeddings = tensors.floats("vision/embeddings.position_embedding.weight",
                                            {config.num_tokens(), hidden}),
      .norm_before_blocks = {},
      .blocks = {}};
  if (config.family == VisionFamily::kClip) {
    weights.class_embedding = tensors.vector("vision/embeddings.class_embedding", hidden);
    weights.norm_before_blocks = tensors.norm("vision/pre_layrnorm", hidden);
  } else {
    weights.patch_bias = tensors.vector("vision/embeddings.patch_embedding.bias", hidden);
  }
  for (std::size_t block = 0; block < num_blocks; ++block) {
    weights.blocks.push_back(collect_block(tensors, config, block));
  }
  return weights;
}

void require_vlm(const ModelConfig& config) {
  if (config.is_vlm()) return;
  throw Error(ErrorCode::kUnsupported,
              "no vision tower: " + config.where + ": " + config.architecture);
}

}  // namespace

WeightFormat vision_weight_format(WeightFormat format) noexcept {
  return format == WeightFormat::kInt8 ? WeightFormat::kBfloat16 : format;
}

VisionStorage VisionStorage::load(const Checkpoint& checkpoint, ThreadPool& pool,
                                  WeightFormat format) {
  VisionStorage storage(checkpoint, format);
  storage.refill(checkpoint, pool);
  return storage;
}

StorageBytes VisionStorage::bytes(const Checkpoint& checkpoint, WeightFormat format) {
  return VisionStorage(checkpoint, format).tensors_.bytes();
}

VisionStorage::VisionStorage(const Checkpoint& checkpoint, WeightFormat format) {
  const ModelConfig& config = checkpoint.config();
  require_vlm(config);
  vision_config_ = VisionConfig::from_json(config.vision());
  const ProjectorConfig projector =
      ProjectorConfig::from_json(JsonFields(config.json, config.where));
  const std::size_t num_blocks = hidden_state_index(vision_config_, projector.vision_feature_layer);
  TensorCollector tensors(checkpoint, format, tensors_);
  vision_weights_ = collect_vision(tensors, vision_config_, num_blocks);
}

}  // namespace vlm
