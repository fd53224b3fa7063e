#include "model/vision_tower.h"

#include <algorithm>

#include "core/json_fields.h"
#include "projector/projector.h"

namespace vlm {
namespace {

PreprocessConfig read_preprocess_config(const std::filesystem::path& directory) {
  const std::filesystem::path file = directory / "preprocessor_config.json";
  const Json json = read_json_file(file);
  return PreprocessConfig::from_json(JsonFields(json, file.string()));
}

}  // namespace

VisionTower::VisionTower(const Checkpoint& checkpoint, ThreadPool& pool)
    : storage_(checkpoint, pool),
      preprocess_(read_preprocess_config(checkpoint.directory())),
      encoder_(storage_.vision_config(), storage_.vision_weights()) {}

std::vector<Matrix<float>> VisionTower::encode(std::span<const cv::Mat> images,
                                               ThreadPool& pool) const {
  std::vector<PixelValues> pixels(images.size());
  pool.parallel_for(images.size(),
                    [&](std::size_t i) { pixels[i] = preprocess(images[i], preprocess_, pool); });
  return encode_pixels(pixels, pool);
}

std::vector<Matrix<float>> VisionTower::encode_pixels(std::span<const PixelValues> pixels,
                                                      ThreadPool& pool,
                                                      const VisionObserver& observer) const {
  const ProjectorConfig& config = storage_.projector_config();
  const Matrix<float> hidden = encoder_.encode(pixels, config.vision_feature_layer, pool, observer);
  const Matrix<float> selected =
      select_features(hidden.view(), storage_.vision_config().num_tokens(), config.selection);
  const Matrix<float> projected =
      project(selected.view(), storage_.projector_weights(), config.activation, pool);

  std::vector<Matrix<float>> features;
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    const auto rows = projected.view().rows(i * features_per_image(), features_per_image());
    Matrix<float>& image = features.emplace_back(rows.rows(), rows.cols());
    std::copy_n(rows.data(), image.size(), image.values().data());
  }
  return features;
}

}  // namespace vlm
