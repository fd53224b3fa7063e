#pragma once

#include <algorithm>
#include <filesystem>
#include <span>
#include <utility>
#include <vector>

#include "checkpoint/checkpoint.h"

namespace vlm {

// A checkpoint in memory whose tensor number i is filled with i + offset.
class CountedCheckpoint final : public Checkpoint {
 public:
  CountedCheckpoint(std::vector<TensorInfo> tensors, float offset)
      : tensors_(std::move(tensors)), offset_(offset) {
    config_.where = "made-up/config.json";
  }
  [[nodiscard]] const ModelConfig& config() const override { return config_; }
  [[nodiscard]] const std::vector<TensorInfo>& tensors() const override { return tensors_; }
  [[nodiscard]] const std::filesystem::path& directory() const override { return directory_; }
  void read(const TensorInfo& info, std::span<float> out) const override {
    std::ranges::fill(out, static_cast<float>(&info - tensors_.data()) + offset_);
  }

 private:
  ModelConfig config_;
  std::vector<TensorInfo> tensors_;
  std::filesystem::path directory_;
  float offset_;
};

}  // namespace vlm
