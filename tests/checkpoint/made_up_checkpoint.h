#pragma once

// A checkpoint in memory whose values follow from the place of the tensor and the element, and a
// way to see the code of an Error.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "checkpoint/checkpoint.h"
#include "core/error.h"

namespace vlm {

// A config.json of a text model with `layers` layers.
inline std::string text_config(std::size_t layers = 1) {
  return R"({"architectures": ["MistralForCausalLM"], "num_hidden_layers": )" +
         std::to_string(layers) + "}";
}

class MadeUpCheckpoint final : public Checkpoint {
 public:
  MadeUpCheckpoint(std::vector<TensorInfo> tensors, std::filesystem::path directory)
      : config_(parse_model_config(Json::parse(text_config()), "config.json")),
        tensors_(std::move(tensors)),
        directory_(std::move(directory)) {}

  [[nodiscard]] const ModelConfig& config() const override { return config_; }
  [[nodiscard]] const std::vector<TensorInfo>& tensors() const override { return tensors_; }
  [[nodiscard]] const std::filesystem::path& directory() const override { return directory_; }
  void read(const TensorInfo& info, std::span<float> out) const override {
    const auto place = static_cast<std::size_t>(&info - tensors_.data());
    if (on_read) on_read(place);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = value(place, i);
  }
  [[nodiscard]] std::unique_ptr<TensorReader> open_tensors(
      std::span<const TensorInfo* const> tensors, ThreadPool& pool) const override {
    if (on_open_together) on_open_together(tensors.size());
    for (const TensorInfo* const info : tensors) {
      if (on_open) on_open(static_cast<std::size_t>(info - tensors_.data()));
    }
    return Checkpoint::open_tensors(tensors, pool);
  }
  void read_ahead(const TensorInfo& info) const override {
    if (on_read_ahead) on_read_ahead(static_cast<std::size_t>(&info - tensors_.data()));
  }
  [[nodiscard]] std::uint64_t working_bytes(const TensorInfo& /*info*/) const override {
    return bytes_while_open;
  }
  // Exact in every floating dtype.
  static float value(std::size_t tensor, std::size_t element) {
    return static_cast<float>(tensor) + static_cast<float>(element % 8) / 8.0F;
  }

  [[nodiscard]] std::vector<FileState> weight_files() const override { return files; }

  std::function<void(std::size_t place)> on_read;
  std::function<void(std::size_t place)> on_open;
  std::function<void(std::size_t place)> on_read_ahead;
  std::function<void(std::size_t count)> on_open_together;
  std::uint64_t bytes_while_open = 0;  // of each tensor
  std::vector<FileState> files;

 private:
  ModelConfig config_;
  std::vector<TensorInfo> tensors_;
  std::filesystem::path directory_;
};

// The message of the Error that `run` throws, which must have that code.
template <typename Run>
std::string error_message(ErrorCode code, const Run& run) {
  try {
    run();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    return error.what();
  }
  ADD_FAILURE() << "no Error was thrown";
  return "";
}

}  // namespace vlm
