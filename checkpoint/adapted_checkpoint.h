#pragma once

// A checkpoint with a LoRA adapter: tensors are adapted when they are read.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "checkpoint/lora_adapter.h"

namespace vlm {

// read() gives W + s B A in float32: W as the model has it, B and A as the adapter has them; the
// products of the rank are added to W in their order, rounded only as float32 is. A head that is
// tied to the embedding is adapted with it. An adapter that was trained on a language model also
// fits the tower of a VLM.
class AdaptedCheckpoint final : public Checkpoint {
 public:
  // Throws Error{kInvalidArgument} naming a module that the model does not have, or whose shape is
  // another.
  AdaptedCheckpoint(std::shared_ptr<const Checkpoint> model,
                    std::shared_ptr<const LoraAdapter> adapter);

  [[nodiscard]] const ModelConfig& config() const override { return model_->config(); }
  [[nodiscard]] const std::vector<TensorInfo>& tensors() const override {
    return model_->tensors();
  }
  [[nodiscard]] const std::filesystem::path& directory() const override {
    return model_->directory();
  }
  [[nodiscard]] Layout layout() const override { return model_->layout(); }
  void read(const TensorInfo& info, std::span<float> out) const override;
  // In the parts that the model is read in; holds B and A of the tensors in float32.
  [[nodiscard]] std::unique_ptr<TensorReader> open_tensors(
      std::span<const TensorInfo* const> tensors, ThreadPool& pool) const override;
  // The model without the adapter; it has the same tensors().
  [[nodiscard]] const Checkpoint& model() const noexcept { return *model_; }
  // What the adapter has for a tensor.
  [[nodiscard]] std::uint64_t adapter_bytes(const TensorInfo& info) const;
  void read_ahead(const TensorInfo& info) const override { model_->read_ahead(info); }
  void prepare_all(const RecallNumbers& recall, ThreadPool& pool) const override {
    model_->prepare_all(recall, pool);
  }
  [[nodiscard]] std::uint64_t working_bytes(const TensorInfo& info) const override {
    return model_->working_bytes(info);
  }
  // Those of the model, and the adapter's with its config.
  [[nodiscard]] std::vector<FileState> weight_files() const override;
  [[nodiscard]] std::string origin(const TensorInfo& info) const override;
  [[nodiscard]] std::uint64_t row_alignment() const override { return model_->row_alignment(); }

 private:
  class PreparedUpdate;
  class Reader;
  using Updates = std::vector<PreparedUpdate>;

  void add_update(const LoraUpdate& update);
  [[nodiscard]] Updates prepare(const TensorInfo& info) const;

  std::shared_ptr<const Checkpoint> model_;
  std::shared_ptr<const LoraAdapter> adapter_;
  std::unordered_map<const TensorInfo*, std::vector<const LoraUpdate*>> updates_;
};

}  // namespace vlm
