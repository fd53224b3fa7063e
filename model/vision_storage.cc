#include "model/vision_storage.h"

#include <string>
#include <utility>
#include <vector>

#include "core/error.h"

namespace vlm {
namespace {

// Allocates the tensors a tower is made of, each checked against its shape, and reads them all at
// the end: the views exist before the values.
class TensorCollector {
 public:
  TensorCollector(const Checkpoint& checkpoint, std::deque<Matrix<float>>& tensors)
      : checkpoint_(checkpoint), tensors_(tensors) {}

  std::span<const float> vector(const std::string& name, std::size_t size) {
    return add({&locate(name, {size})}, 1, size).values();
  }

  // A tensor of any rank; behind its first dimension it is seen as one row.
  MatrixView<const float> matrix(const std::string& name, const Shape& shape) {
    const TensorInfo& info = locate(name, shape);
    return add({&info}, shape.front(), count(shape) / shape.front()).view();
  }

  VisionLinear linear(const std::string& name, std::size_t out, std::size_t in) {
    return {.weight = matrix(name + ".weight", {out, in}), .bias = vector(name + ".bias", out)};
  }

  // Linear layers of equal shape, their weights and biases one below the other.
  VisionLinear stacked_linears(const std::vector<std::string>& names, std::size_t out,
                               std::size_t in) {
    std::vector<const TensorInfo*> weights;
    std::vector<const TensorInfo*> biases;
    for (const std::string& name : names) {
      weights.push_back(&locate(name + ".weight", {out, in}));
      biases.push_back(&locate(name + ".bias", {out}));
    }
    return {.weight = add(weights, names.size() * out, in).view(),
            .bias = add(biases, 1, names.size() * out).values()};
  }

  LayerNormWeights norm(const std::string& name, std::size_t size) {
    return {.scale = vector(name + ".weight", size), .bias = vector(name + ".bias", size)};
  }

  [[nodiscard]] bool has(const std::string& name) const {
    return checkpoint_.find(name) != nullptr;
  }

  void read_all(ThreadPool& pool) const {
    pool.parallel_for(reads_.size(),
                      [&](std::size_t i) { checkpoint_.read(*reads_[i].from, reads_[i].to); });
  }

 private:
  struct Read {
    const TensorInfo* from = nullptr;
    std::span<float> to;
  };

  static std::size_t count(const Shape& shape) { return element_count(shape).value_or(0); }

  [[nodiscard]] const TensorInfo& locate(const std::string& name, const Shape& shape) const {
    const std::string& where = checkpoint_.config().where;
    const TensorInfo* info = checkpoint_.find(name);
    if (info == nullptr)
      throw Error(ErrorCode::kNotFound, "missing tensor: " + where + ": " + name);
    if (info->shape != shape) {
      throw Error(ErrorCode::kCorruptFile,
                  "tensor of another shape than the config says: " + where + ": " + name + " is " +
                      to_string(info->shape) + ", expected " + to_string(shape));
    }
    if (!is_floating(info->dtype)) {
      throw Error(ErrorCode::kCorruptFile, "expected a floating tensor: " + where + ": " + name +
                                               " is " + std::string(safetensors_name(info->dtype)));
    }
    return *info;
  }

  const Matrix<float>& add(const std::vector<const TensorInfo*>& parts, std::size_t rows,
                           std::size_t cols) {
    Matrix<float>& values = tensors_.emplace_back(rows, cols);
    const std::size_t part_size = values.size() / parts.size();
    for (std::size_t i = 0; i < parts.size(); ++i) {
      reads_.push_back({parts[i], values.values().subspan(i * part_size, part_size)});
    }
    return values;
  }

  const Checkpoint& checkpoint_;
  std::deque<Matrix<float>>& tensors_;
  std::vector<Read> reads_;
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
      .class_embedding = {},
      .patch_embedding = tensors.matrix("vision/embeddings.patch_embedding.weight",
                                        {hidden, config.num_channels, patch, patch}),
      .patch_bias = {},
      .position_embeddings = tensors.matrix("vision/embeddings.position_embedding.weight",
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

ProjectorWeights collect_projector(TensorCollector& tensors, std::size_t vision_hidden,
                                   std::size_t text_hidden) {
  const auto bias = [&](const std::string& name) {
    return tensors.has(name) ? tensors.vector(name, text_hidden) : std::span<const float>{};
  };
  return {.linear_1 = tensors.matrix("projector/linear_1.weight", {text_hidden, vision_hidden}),
          .linear_1_bias = bias("projector/linear_1.bias"),
          .linear_2 = tensors.matrix("projector/linear_2.weight", {text_hidden, text_hidden}),
          .linear_2_bias = bias("projector/linear_2.bias")};
}

void require_vlm(const ModelConfig& config) {
  if (config.is_vlm()) return;
  throw Error(ErrorCode::kUnsupported,
              "no vision tower: " + config.where + ": " + config.architecture);
}

}  // namespace

VisionStorage::VisionStorage(const Checkpoint& checkpoint, ThreadPool& pool) {
  const ModelConfig& config = checkpoint.config();
  require_vlm(config);
  vision_config_ = VisionConfig::from_json(config.vision());
  projector_config_ = ProjectorConfig::from_json(JsonFields(config.json, config.where));
  TensorCollector tensors(checkpoint, tensors_);
  vision_weights_ =
      collect_vision(tensors, vision_config_,
                     hidden_state_index(vision_config_, projector_config_.vision_feature_layer));
  const std::size_t text_hidden = config.text().size("hidden_size");
  projector_weights_ = collect_projector(tensors, vision_config_.hidden_size, text_hidden);
  if (config.family == ModelFamily::kLlavaNext) {
    image_newline_ = tensors.vector("projector/image_newline", text_hidden);
  }
  tensors.read_all(pool);
}

std::size_t VisionStorage::features_per_view() const noexcept {
  // "default" drops the first token, whatever it is; transformers does so with SigLIP, too.
  const std::size_t dropped = projector_config_.selection == FeatureSelection::kAll ? 0 : 1;
  return vision_config_.num_tokens() - dropped;
}

}  // namespace vlm
