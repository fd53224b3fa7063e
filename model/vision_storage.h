#pragma once

// The vision tower of a checkpoint in memory, in the form the encoder takes: matrices of the blocks
// in a chosen format, all else in float32.

#include <optional>

#include "checkpoint/checkpoint.h"
#include "core/thread_pool.h"
#include "model/stored_tensors.h"
#include "tensor/weight_matrix.h"
#include "vision/vision_config.h"
#include "vision/vision_weights.h"

namespace vlm {

// The format for the tower of a model whose language model has `format`: the same, but bfloat16
// instead of int8. A tower multiplies hundreds of rows at a time, so reading fewer bytes of weights
// gains nothing, and it is small beside its language model.
WeightFormat vision_weight_format(WeightFormat format) noexcept;

class VisionStorage {
 public:
  // Reads every tensor as StoredTensors::fill() does; the checkpoint may go away afterwards.
  // Blocks behind the hidden state that the projector reads, and the final norm, are not read.
  // Throws Error{kNotFound}: a missing tensor; Error{kCorruptFile}: a tensor of another shape than
  // the config says; Error{kUnsupported}: a checkpoint without vision tower.
  static VisionStorage load(const Checkpoint& checkpoint, ThreadPool& pool,
                            WeightFormat format = WeightFormat::kFloat32);

  // Replaces the values by those of another checkpoint of the same config, as
  // StoredTensors::fill() does. Errors as in load(); the values are then undefined.
  void refill(const Checkpoint& checkpoint, ThreadPool& pool) { tensors_.fill(checkpoint, pool); }

  // What load() takes, from the checkpoint's headers alone. Throws as load().
  static StorageBytes bytes(const Checkpoint& checkpoint, WeightFormat format);

  [[nodiscard]] const VisionConfig& vision_config() const noexcept { return vision_config_; }
  // Views that live as long as this object; moves of it keep them valid.
  [[nodiscard]] const VisionWeights& vision_weights() const noexcept { return *vision_weights_; }

 private:
  // Finds and checks every tensor; reads no values.
  VisionStorage(const Checkpoint& checkpoint, WeightFormat format);

  VisionConfig vision_config_;
  StoredTensors tensors_;
  std::optional<VisionWeights> vision_weights_;
};

}  // namespace vlm
