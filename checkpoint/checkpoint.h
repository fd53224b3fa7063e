#pragma once

// A checkpoint is a named set of tensors with a config. Files on disk (FileCheckpoint) and merges
// (merge/merged_checkpoint.h: tensors computed on demand) offer this same interface.
//
// Tensor names are canonical, one prefix per component:
//   text/model.embed_tokens.weight   text/model.layers.0.self_attn.q_proj.weight
//   text/model.norm.weight           text/lm_head.weight
//   vision/embeddings.class_embedding   vision/encoder.layers.0.self_attn.q_proj.weight ...
//   projector/linear_1.weight        projector/image_newline
// checkpoint/layout.h maps them to and from the layouts found on disk.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/layout.h"
#include "checkpoint/model_config.h"
#include "checkpoint/recall_numbers.h"
#include "core/file_state.h"
#include "tensor/bfloat16.h"
#include "tensor/tensor_view.h"

namespace vlm {

struct TensorInfo {
  std::string name;  // canonical
  DType dtype = DType::kF32;
  Shape shape;
};

class ThreadPool;

// Reads a few tensors in parts.
class TensorReader {
 public:
  TensorReader() = default;
  virtual ~TensorReader() = default;
  TensorReader(const TensorReader&) = delete;
  TensorReader& operator=(const TensorReader&) = delete;
  TensorReader(TensorReader&&) = delete;
  TensorReader& operator=(TensorReader&&) = delete;

  // Every part of tensor number `index` begins at a multiple of this many elements, at least 1.
  [[nodiscard]] virtual std::size_t part_size(std::size_t index) const = 0;
  // The dtype in which the tensor's values are exact, as far as that is known; a rounding to it
  // changes nothing.
  [[nodiscard]] virtual std::optional<DType> exact_dtype(std::size_t /*index*/) const {
    return std::nullopt;
  }
  // All elements of the tensor where they lie, if they lie in memory as bfloat16; else nothing.
  [[nodiscard]] virtual std::span<const Bfloat16> bfloat16(std::size_t /*index*/) const {
    return {};
  }
  // Elements [first, first + out.size()), which end at a multiple of part_size() or at the end of
  // the tensor. May be called from several threads at once.
  virtual void read(std::size_t index, std::size_t first, std::span<float> out) const = 0;
  // The same elements as a file of `dtype`, the tensor's, stores them, by way of `scratch`, which
  // holds as many.
  virtual void read_stored(std::size_t index, std::size_t first, DType dtype,
                           std::span<float> scratch, std::span<std::byte> out) const;
};

class Checkpoint {
 public:
  Checkpoint() = default;
  virtual ~Checkpoint() = default;
  Checkpoint(const Checkpoint&) = delete;
  Checkpoint& operator=(const Checkpoint&) = delete;
  Checkpoint(Checkpoint&&) = delete;
  Checkpoint& operator=(Checkpoint&&) = delete;

  [[nodiscard]] virtual const ModelConfig& config() const = 0;
  // All tensors, in the order of the files. Stable for the life of the object.
  [[nodiscard]] virtual const std::vector<TensorInfo>& tensors() const = 0;
  // The directory whose side files (tokenizer, processor, generation config) belong to the model;
  // for a merge, that of the model whose layout it keeps.
  [[nodiscard]] virtual const std::filesystem::path& directory() const = 0;
  // Where the image processor of a VLM is described: there, but of original LLaVA beside its vision
  // tower.
  [[nodiscard]] const std::filesystem::path& image_processor_directory() const;
  // The names on disk: those of the files that the model comes from; by default those of its family
  // on the hub.
  [[nodiscard]] virtual Layout layout() const;
  // The values of a floating tensor as float32. REQUIRES: `info` is from tensors();
  // out.size() == element count. May be called from several threads at once.
  virtual void read(const TensorInfo& info, std::span<float> out) const = 0;
  // Elements [first, first + out.size()) of the same. REQUIRES: the range is inside the tensor.
  // Unless reads_parts() each call costs as much as reading all of the tensor.
  virtual void read_part(const TensorInfo& info, std::size_t first, std::span<float> out) const;
  [[nodiscard]] virtual bool reads_parts() const { return false; }

  // For reading some tensors in parts, e.g. to write them. REQUIRES: `tensors` are from tensors();
  // they and the checkpoint outlive the reader.
  [[nodiscard]] virtual std::unique_ptr<TensorReader> open_tensors(
      std::span<const TensorInfo* const> tensors, ThreadPool& pool) const;

  // Says that a tensor will be opened soon: what lies on a disk may be fetched meanwhile. REQUIRES:
  // `info` is from tensors().
  virtual void read_ahead(const TensorInfo& /*info*/) const {}

  // Finds what is found from many tensors before the first can be opened. Tensors that are opened
  // without it find it then.
  virtual void prepare_all(const RecallNumbers& /*recall*/, ThreadPool& /*pool*/) const {}

  // Memory that open_tensors() and the reader take for a tensor, beside a few blocks for each
  // thread and mapped files. REQUIRES: `info` is from tensors().
  [[nodiscard]] virtual std::uint64_t working_bytes(const TensorInfo& /*info*/) const { return 0; }

  // The files that hold the weights, as they were when they were opened; for a merge, those of all
  // its inputs.
  [[nodiscard]] virtual std::vector<FileState> weight_files() const { return {}; }

  // All that the values of a tensor follow from, as a text: tensors of equal texts, of this
  // checkpoint or another, have equal values. "" if that cannot be told. REQUIRES: `info` is from
  // tensors().
  [[nodiscard]] virtual std::string origin(const TensorInfo& /*info*/) const { return {}; }

  // A checksum of what rows by token are put together from where tokenizers are aligned: what
  // values follow from besides files of weights and adapters. 0 if nothing is aligned.
  [[nodiscard]] virtual std::uint64_t row_alignment() const { return 0; }

  // The tensor of that canonical name, or nullptr.
  [[nodiscard]] const TensorInfo* find(std::string_view name) const;
};

}  // namespace vlm
