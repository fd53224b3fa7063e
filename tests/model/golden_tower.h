#pragma once

// Golden pictures and vision towers of tests/data/vision for the tests of towers.

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors.h"
#include "core/json_fields.h"
#include "projector/projector.h"
#include "vision/preprocess.h"

namespace vlm {

inline std::vector<float> floats_of(const SafetensorsFile& file, const std::string& name) {
  const TensorView view = file.view(name);
  std::vector<float> out(element_count(view.shape).value());
  read_floats(view, 0, out);
  return out;
}

// Pictures of three channels, one after another.
inline std::vector<PixelValues> split_images(std::span<const float> pixels, std::size_t side_px) {
  std::vector<PixelValues> images;
  const std::size_t image_size = 3 * side_px * side_px;
  for (std::size_t first = 0; first < pixels.size(); first += image_size) {
    PixelValues& image = images.emplace_back();
    image = {Matrix<float>(3, side_px * side_px), side_px, side_px};
    std::copy_n(pixels.begin() + static_cast<std::ptrdiff_t>(first), image_size,
                image.values.values().begin());
  }
  return images;
}

inline ProjectorConfig projector_config_of(const Checkpoint& checkpoint) {
  return ProjectorConfig::from_json({checkpoint.config().json, checkpoint.config().where});
}

// A CLIPVisionModel or SiglipVisionModel file seen as the vision part of a LLaVA checkpoint, with
// an identity projector.
class TowerCheckpoint final : public Checkpoint {
 public:
  explicit TowerCheckpoint(const std::filesystem::path& directory)
      : directory_(directory), file_(directory / "model.safetensors") {
    config_.where = (directory / "config.json").string();
    config_.family = ModelFamily::kLlava;
    const Json vision = read_json_file(directory / "config.json");
    const std::size_t hidden = vision.at("hidden_size");
    config_.json = {{"vision_config", vision},
                    {"text_config", {{"hidden_size", hidden}}},
                    {"vision_feature_layer", -1},
                    {"vision_feature_select_strategy", "full"}};
    for (const SafetensorsEntry& entry : file_.entries()) {
      add("vision/" + entry.name.substr(std::string("vision_model.").size()), entry.shape,
          floats_of(file_, entry.name));
    }
    std::vector<float> identity(hidden * hidden);
    for (std::size_t i = 0; i < hidden; ++i) identity[i * hidden + i] = 1.0F;
    add("projector/linear_1.weight", {hidden, hidden}, identity);
    add("projector/linear_2.weight", {hidden, hidden}, identity);
  }

  [[nodiscard]] const ModelConfig& config() const override { return config_; }
  [[nodiscard]] const std::vector<TensorInfo>& tensors() const override { return tensors_; }
  [[nodiscard]] const std::filesystem::path& directory() const override { return directory_; }
  void read(const TensorInfo& info, std::span<float> out) const override {
    std::copy_n(values_.at(info.name).begin(), out.size(), out.begin());
  }

  ModelConfig& mutable_config() { return config_; }
  void remove(const std::string& name) {
    std::erase_if(tensors_, [&](const TensorInfo& info) { return info.name == name; });
  }
  void reshape(const std::string& name, const Shape& shape) {
    for (TensorInfo& info : tensors_) {
      if (info.name == name) info.shape = shape;
    }
  }

 private:
  void add(const std::string& name, const Shape& shape, std::vector<float> values) {
    tensors_.push_back({name, DType::kF32, shape});
    values_[name] = std::move(values);
  }

  std::filesystem::path directory_;
  SafetensorsFile file_;
  ModelConfig config_;
  std::vector<TensorInfo> tensors_;
  std::map<std::string, std::vector<float>> values_;
};

}  // namespace vlm
