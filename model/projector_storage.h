#pragma once

// The projector of a checkpoint in memory: its matrices in a chosen format, all else in float32.

#include <span>

#include "checkpoint/checkpoint.h"
#include "core/thread_pool.h"
#include "model/stored_tensors.h"
#include "projector/projector.h"
#include "tensor/weight_matrix.h"

namespace vlm {

class ProjectorStorage {
 public:
  // Reads every tensor as StoredTensors::fill() does; the checkpoint may go away afterwards.
  // REQUIRES: a vision-language model. Throws Error{kNotFound}: a missing tensor;
  // Error{kCorruptFile}: a tensor of another shape than the config says.
  static ProjectorStorage load(const Checkpoint& checkpoint, ThreadPool& pool,
                               WeightFormat format = WeightFormat::kFloat32);

  // What load() takes, from the checkpoint's headers alone. Throws as load().
  static StorageBytes bytes(const Checkpoint& checkpoint, WeightFormat format);

  // Replaces the values by those of another checkpoint of the same config, as
  // StoredTensors::fill() does. Errors as in load(); the values are then undefined.
  void refill(const Checkpoint& checkpoint, ThreadPool& pool) { tensors_.fill(checkpoint, pool); }

  // Views that live as long as this object; moves of it keep them valid.
  [[nodiscard]] const ProjectorWeights& weights() const noexcept { return weights_; }
  // What ends a row of features of a tiled picture; empty unless the model is of LLaVA 1.6.
  [[nodiscard]] std::span<const float> image_newline() const noexcept { return image_newline_; }

 private:
  // Finds and checks every tensor; reads no values.
  ProjectorStorage(const Checkpoint& checkpoint, WeightFormat format);

  StoredTensors tensors_;
  ProjectorWeights weights_;
  std::span<const float> image_newline_;
};

}  // namespace vlm
