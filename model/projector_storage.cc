#include "model/projector_storage.h"

#include <string>

#include "vision/vision_config.h"

namespace vlm {

ProjectorStorage ProjectorStorage::load(const Checkpoint& checkpoint, ThreadPool& pool,
                                        WeightFormat format) {
  ProjectorStorage storage(checkpoint, format);
  storage.refill(checkpoint, pool);
  return storage;
}

StorageBytes ProjectorStorage::bytes(const Checkpoint& checkpoint, WeightFormat format) {
  return ProjectorStorage(checkpoint, format).tensors_.bytes();
}

ProjectorStorage::ProjectorStorage(const Checkpoint& checkpoint, WeightFormat format) {
  const ModelConfig& config = checkpoint.config();
  const std::size_t text_hidden = config.text().size("hidden_size");
  const std::size_t vision_hidden = VisionConfig::from_json(config.vision()).hidden_size;
  const auto linear = [&](const std::string& name, std::size_t in) {
    const bool biased = checkpoint.find(name + ".bias") != nullptr;
    return tensors_.add_linears(checkpoint, {{name, {text_hidden, in}}}, format, biased);
  };
  weights_.linear_1 = linear("projector/linear_1", vision_hidden);
  if (!ProjectorConfig::from_json(JsonFields(config.json, config.where)).is_linear) {
    weights_.linear_2 = linear("projector/linear_2", text_hidden);
  }
  if (config.family == ModelFamily::kLlavaNext) {
    image_newline_ = tensors_.add_vector(checkpoint, {{"projector/image_newline", {text_hidden}}});
  }
}

}  // namespace vlm
