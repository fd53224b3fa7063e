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

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/layout.h"
#include "checkpoint/model_config.h"
#include "tensor/tensor_view.h"

namespace vlm {

struct TensorInfo {
  std::string name;  // canonical
  DType dtype = DType::kF32;
  Shape shape;
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
  // The names on disk: those of the files that the model comes from; by default those of its family
  // on the hub.
  [[nodiscard]] virtual Layout layout() const;
  // The values of a floating tensor as float32. REQUIRES: `info` is from tensors();
  // out.size() == element count. May be called from several threads at once.
  virtual void read(const TensorInfo& info, std::span<float> out) const = 0;

  // The tensor of that canonical name, or nullptr.
  [[nodiscard]] const TensorInfo* find(std::string_view name) const;
};

}  // namespace vlm
