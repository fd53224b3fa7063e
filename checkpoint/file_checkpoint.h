#pragma once

// A checkpoint on disk: a directory with config.json and model.safetensors, or with
// model.safetensors.index.json and the shards it names. Weights are mapped, not read. To those of
// original LLaVA belong the files of the vision tower that its config.json names, unless it has the
// tower's tensors itself.

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "checkpoint/layout.h"
#include "checkpoint/safetensors.h"

namespace vlm {

// Immutable after construction; all functions may be called from several threads at once.
class FileCheckpoint final : public Checkpoint {
 public:
  // Opens and proves config, index and the header of every shard; reads no weights, only the path
  // of a data-flow model. All weights are floating (quantised checkpoints are refused). As in
  // transformers, model.safetensors goes before an index. Throws Error{kNotFound, kIo,
  // kCorruptFile, kUnsupported}.
  explicit FileCheckpoint(const std::filesystem::path& directory);
  // The same, for sharing.
  static std::shared_ptr<const FileCheckpoint> open(const std::filesystem::path& directory);

  [[nodiscard]] const ModelConfig& config() const override { return config_; }
  [[nodiscard]] const std::vector<TensorInfo>& tensors() const override { return tensors_; }
  [[nodiscard]] const std::filesystem::path& directory() const override { return directory_; }
  [[nodiscard]] Layout layout() const override { return layout_; }
  void read(const TensorInfo& info, std::span<float> out) const override;
  void read_part(const TensorInfo& info, std::size_t first, std::span<float> out) const override;
  [[nodiscard]] bool reads_parts() const override { return true; }
  // Gives the pages of the tensors back when the reader ends.
  [[nodiscard]] std::unique_ptr<TensorReader> open_tensors(
      std::span<const TensorInfo* const> tensors, ThreadPool& pool) const override;
  void read_ahead(const TensorInfo& info) const override;
  [[nodiscard]] std::vector<FileState> weight_files() const override;
  // The file's state and the tensor's name.
  [[nodiscard]] std::string origin(const TensorInfo& info) const override;

  // The mapped bytes of a tensor; they end with this object. REQUIRES: a tensor of tensors().
  [[nodiscard]] TensorView view(const TensorInfo& info) const;
  // The tensor's name in the file. REQUIRES: a tensor of tensors().
  [[nodiscard]] std::string disk_name(const TensorInfo& info) const;

 private:
  void add_tensors(const SafetensorsFile& file);
  void add_tensor(const SafetensorsFile& file, const SafetensorsEntry& entry, std::string name);
  void add_tower();

  std::filesystem::path directory_;
  ModelConfig config_;
  Layout layout_;
  std::vector<SafetensorsFile> shards_;
  std::vector<TensorInfo> tensors_;
  std::vector<TensorView> views_;                          // parallel to tensors_, into shards_
  std::unordered_map<std::string, std::size_t> index_of_;  // canonical name -> place in tensors_
};

// Whether two checkpoints are one model: the same object, or files of one directory, whatever its
// names are. What computes its tensors (adapters, merges) is a model of its own, although it has
// the directory of another.
bool is_same_model(const Checkpoint& a, const Checkpoint& b);

}  // namespace vlm
