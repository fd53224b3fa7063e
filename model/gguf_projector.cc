#include "model/gguf_projector.h"

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "model/gguf_names.h"
#include "model/gguf_tensors.h"
#include "model/image_processor.h"
#include "model/projector_storage.h"
#include "model/vision_storage.h"
#include "projector/projector.h"
#include "tensor/activation.h"
#include "vision/preprocess.h"
#include "vision/vision_config.h"

namespace vlm {
namespace {

constexpr const char* kFirstLayer = "projector/linear_1.weight";
constexpr const char* kSecondLayer = "projector/linear_2.weight";

[[noreturn]] void refuse(const Checkpoint& model, const std::string& what) {
  throw Error(ErrorCode::kUnsupported,
              "no GGUF export of this vision tower: " + model.config().where + ": " + what);
}

const TensorInfo& matrix_of(const Checkpoint& model, const char* name) {
  const TensorInfo* const info = model.find(name);
  if (info == nullptr || info->shape.size() != 2) {
    throw Error(ErrorCode::kCorruptFile,
                "model lacks a matrix: " + model.directory().string() + ": " + name);
  }
  return *info;
}

// llama.cpp computes GELU (by its tanh approximation) in the projector, and drops the first
// feature of towers that have a class token and of no others.
void check_projector(const Checkpoint& model, const VisionConfig& vision) {
  const ModelConfig& config = model.config();
  const ProjectorConfig projector = ProjectorConfig::from_json({config.json, config.where});
  if (projector.is_linear) refuse(model, "projector of one layer");
  if (projector.activation != gelu) refuse(model, "projector_hidden_act is not gelu");
  const bool drops_first = projector.selection == FeatureSelection::kWithoutFirst;
  if (drops_first != vision.has_class_token()) {
    refuse(model, "vision_feature_select_strategy does not keep exactly the patches");
  }
}

PreprocessConfig preprocess_config(const Checkpoint& model) {
  const ImageProcessorJson processor = read_image_processor(model.image_processor_directory());
  return PreprocessConfig::from_json({processor.json, processor.where});
}

std::vector<float> floats(const std::array<double, 3>& values) {
  return {values.begin(), values.end()};
}

// The activation of the blocks: llama.cpp's default is quick-GELU.
void add_activation(const Checkpoint& model, const VisionConfig& vision, GgufMetadata& metadata) {
  if (vision.activation != gelu && vision.activation != gelu_tanh &&
      vision.activation != quick_gelu) {
    refuse(model, "hidden_act is neither gelu nor quick_gelu");
  }
  metadata.emplace_back("clip.use_gelu", vision.activation != quick_gelu);
}

GgufMetadata projector_metadata(const Checkpoint& model, GgufType type) {
  const VisionConfig vision = VisionConfig::from_json(model.config().vision());
  check_projector(model, vision);
  const PreprocessConfig preprocess = preprocess_config(model);
  GgufMetadata metadata = general_metadata("clip", model, type);
  for (auto& [key, value] : metadata) {
    if (key == "general.type") value = std::string("mmproj");
  }
  metadata.emplace_back("clip.has_vision_encoder", true);
  metadata.emplace_back("clip.projector_type", std::string("mlp"));
  add_activation(model, vision, metadata);
  const auto add = [&](const char* key, GgufValue value) {
    metadata.emplace_back(std::string("clip.vision.") + key, std::move(value));
  };
  const int layer =
      ProjectorConfig::from_json({model.config().json, model.config().where}).vision_feature_layer;
  add("image_size", gguf_number(vision.image_size_px));
  add("patch_size", gguf_number(vision.patch_size_px));
  add("embedding_length", gguf_number(vision.hidden_size));
  add("feed_forward_length", gguf_number(vision.intermediate_size));
  add("projection_dim", gguf_number(matrix_of(model, kSecondLayer).shape.front()));
  add("block_count", gguf_number(vision.num_layers));
  add("attention.head_count", gguf_number(vision.num_heads));
  add("attention.layer_norm_epsilon", vision.layer_norm_epsilon);
  add("feature_layer", std::vector{static_cast<std::int32_t>(hidden_state_index(vision, layer))});
  add("image_mean", floats(preprocess.mean));
  add("image_std", floats(preprocess.deviation));
  return metadata;
}

bool is_unused(const std::string& name) {
  return name.starts_with("vision/post_layernorm.") || name.starts_with("vision/head.");
}

std::vector<GgufSource> projector_sources(const Checkpoint& model, GgufType type) {
  std::vector<GgufSource> sources;
  for (const TensorInfo& info : model.tensors()) {
    if (info.name.starts_with("text/") || is_unused(info.name)) continue;
    const auto name = gguf_vision_name(info.name);
    if (!name) refuse(model, "tensor " + info.name + " has no name in llama.cpp");
    const bool is_embedding = info.name.starts_with("vision/embeddings.");
    const GgufType stored = is_embedding ? GgufType::kF32 : gguf_type_for(info.shape, type);
    sources.push_back({&info, {*name, info.shape, stored}, 0});
  }
  return sources;
}

}  // namespace

void export_gguf_projector(const Checkpoint& model, const std::filesystem::path& path,
                           const GgufOptions& options, ThreadPool& pool) {
  if (!model.config().is_vlm()) refuse(model, "a language model has none");
  if (model.config().family == ModelFamily::kLlavaNext) {
    refuse(model, "tiles of LLaVA 1.6 (a recipe with 'views: single' makes it see one view)");
  }
  // Throws for tensors that are missing or of another shape than the config says.
  static_cast<void>(VisionStorage::bytes(model, WeightFormat::kFloat32));
  static_cast<void>(ProjectorStorage::bytes(model, WeightFormat::kFloat32));
  const GgufType type = options.type.value_or(gguf_type_of(matrix_of(model, kFirstLayer).dtype));
  const GgufMetadata metadata = projector_metadata(model, type);
  write_gguf(model, path, metadata, projector_sources(model, type), options, pool);
}

}  // namespace vlm
