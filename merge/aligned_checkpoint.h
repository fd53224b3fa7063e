#pragma once

// A checkpoint whose embedding and head have the rows of another vocabulary.

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "merge/row_origins.h"

namespace vlm {

// How all models of a merge are aligned; shared by their AlignedCheckpoints.
struct VocabularyAlignment {
  std::vector<std::shared_ptr<const Checkpoint>> models;  // as they are
  // The row of each output row in each model, or nothing; parallel to `models`.
  std::vector<std::vector<std::optional<std::uint32_t>>> own_rows;
  std::vector<RowOrigin> embedding;  // of each output row
  std::vector<RowOrigin> head;
};

// Rows are put together when they are read, in float32; means are summed in double. Where rows are
// padding, opening a tensor reads all others for their mean.
class AlignedCheckpoint final : public Checkpoint {
 public:
  // The model at `index` of the alignment.
  AlignedCheckpoint(std::shared_ptr<const VocabularyAlignment> alignment, std::size_t index);

  [[nodiscard]] const ModelConfig& config() const override { return model().config(); }
  [[nodiscard]] const std::vector<TensorInfo>& tensors() const override { return tensors_; }
  [[nodiscard]] const std::filesystem::path& directory() const override {
    return model().directory();
  }
  [[nodiscard]] Layout layout() const override { return model().layout(); }
  void read(const TensorInfo& info, std::span<float> out) const override;
  [[nodiscard]] std::uint64_t working_bytes(const TensorInfo& info) const override {
    return model().working_bytes(stored(info));
  }
  [[nodiscard]] std::unique_ptr<TensorReader> open_tensors(
      std::span<const TensorInfo* const> tensors, ThreadPool& pool) const override;
  void read_ahead(const TensorInfo& info) const override { model().read_ahead(stored(info)); }
  void prepare_all(const RecallNumbers& recall, ThreadPool& pool) const override {
    model().prepare_all(recall, pool);
  }
  // The model's; rows that come from others are in theirs.
  [[nodiscard]] std::vector<FileState> weight_files() const override {
    return model().weight_files();
  }
  // The model's; of embedding and head that of all models, with which rows are taken.
  [[nodiscard]] std::string origin(const TensorInfo& info) const override;
  // Of its own rows, and which come from other models.
  [[nodiscard]] std::uint64_t row_alignment() const override;

 private:
  class TokenRows;
  class Reader;

  // The model's tensor of which `info` of tensors() is the aligned one.
  [[nodiscard]] const TensorInfo& stored(const TensorInfo& info) const;
  [[nodiscard]] std::string origin_of_rows(const TensorInfo& info) const;
  [[nodiscard]] const Checkpoint& model() const { return *alignment_->models[index_]; }

  std::shared_ptr<const VocabularyAlignment> alignment_;
  std::size_t index_;
  std::vector<TensorInfo> tensors_;
};

}  // namespace vlm
