#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "core/error.h"

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
    ++num_reads_;
    if (info.name == unreadable_) throw Error(ErrorCode::kIo, "cannot be read: " + info.name);
    std::ranges::fill(out, static_cast<float>(&info - tensors_.data()) + offset_);
  }
  [[nodiscard]] std::string origin(const TensorInfo& info) const override {
    return origins_.empty() ? "" : origins_[static_cast<std::size_t>(&info - tensors_.data())];
  }

  // One for each tensor.
  void set_origins(std::vector<std::string> origins) { origins_ = std::move(origins); }
  void set_unreadable(std::string name) { unreadable_ = std::move(name); }
  [[nodiscard]] std::size_t num_reads() const { return num_reads_; }

 private:
  ModelConfig config_;
  std::vector<TensorInfo> tensors_;
  std::filesystem::path directory_;
  float offset_;
  std::vector<std::string> origins_;
  std::string unreadable_;
  mutable std::atomic<std::size_t> num_reads_ = 0;
};

}  // namespace vlm
