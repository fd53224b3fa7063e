#pragma once

// What a LoRA adapter adds to the tensors of a model, as a checkpoint of its own.

#include <filesystem>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "checkpoint/adapted_checkpoint.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/lora_adapter.h"

namespace vlm {

// Tensors of zeros: what an adapter adds to is not there.
class ZeroCheckpoint final : public Checkpoint {
 public:
  // `directory` stands for it in messages.
  ZeroCheckpoint(std::vector<TensorInfo> tensors, std::filesystem::path directory)
      : tensors_(std::move(tensors)), directory_(std::move(directory)) {}

  [[nodiscard]] const ModelConfig& config() const override { return config_; }
  [[nodiscard]] const std::vector<TensorInfo>& tensors() const override { return tensors_; }
  [[nodiscard]] const std::filesystem::path& directory() const override { return directory_; }
  void read(const TensorInfo& info, std::span<float> out) const override;
  void read_part(const TensorInfo& info, std::size_t first, std::span<float> out) const override;
  [[nodiscard]] bool reads_parts() const override { return true; }

 private:
  std::vector<TensorInfo> tensors_;
  std::filesystem::path directory_;
  ModelConfig config_;  // of no model
};

// read() gives s B A in float32; of a tensor that the adapter has saved whole its difference from
// the base's; zeros of what it does not change. May be used from several threads at once.
class AdapterDeltas final : public Checkpoint {
 public:
  // `zeros` has the tensors. `base` is null if the adapter has saved none of them whole. Throws
  // Error{kInvalidArgument} for an adapter that changes a tensor of another name or shape.
  AdapterDeltas(std::shared_ptr<const ZeroCheckpoint> zeros,
                const std::shared_ptr<const LoraAdapter>& adapter,
                std::shared_ptr<const Checkpoint> base);

  [[nodiscard]] const ModelConfig& config() const override { return changed_.config(); }
  [[nodiscard]] const std::vector<TensorInfo>& tensors() const override {
    return changed_.tensors();
  }
  [[nodiscard]] const std::filesystem::path& directory() const override { return directory_; }
  void read(const TensorInfo& info, std::span<float> out) const override;
  // In the parts that the base is read in, where a tensor is saved whole.
  [[nodiscard]] std::unique_ptr<TensorReader> open_tensors(
      std::span<const TensorInfo* const> tensors, ThreadPool& pool) const override;
  [[nodiscard]] std::vector<FileState> weight_files() const override {
    return changed_.weight_files();
  }

 private:
  class Reader;

  std::filesystem::path directory_;
  AdaptedCheckpoint changed_;  // zeros with the adapter
  std::shared_ptr<const Checkpoint> base_;
  std::set<std::string, std::less<>> saved_whole_;
};

}  // namespace vlm
