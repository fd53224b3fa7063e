#pragma once

// A decoder's weights in memory, read from the `text/` tensors of a checkpoint: matrices in a
// chosen format, norms and biases in float32.

#include <cstddef>
#include <span>
#include <string>

#include "checkpoint/checkpoint.h"
#include "core/thread_pool.h"
#include "language/decoder_config.h"
#include "language/decoder_weights.h"
#include "model/stored_tensors.h"
#include "tensor/weight_matrix.h"

namespace vlm {

class DecoderStorage {
 public:
  // Reads all tensors as StoredTensors::fill() does. Throws Error{kNotFound} for a missing tensor
  // and Error{kCorruptFile} for one of another shape than the config gives it.
  static DecoderStorage load(const Checkpoint& checkpoint, const DecoderConfig& config,
                             ThreadPool& pool, WeightFormat format = WeightFormat::kFloat32);

  // What load() takes, from the checkpoint's headers alone. Throws as load().
  static StorageBytes bytes(const Checkpoint& checkpoint, const DecoderConfig& config,
                            WeightFormat format);

  // Replaces the values by those of another checkpoint of the same config, into the same memory;
  // views stay valid. Errors as in load(); the values are then undefined.
  void refill(const Checkpoint& checkpoint, ThreadPool& pool);

  [[nodiscard]] const DecoderConfig& config() const noexcept { return config_; }
  // Views into this object's memory, which a move of the object leaves where it is.
  [[nodiscard]] const DecoderWeights& weights() const noexcept { return weights_; }

 private:
  // Finds and checks every tensor; reads no values.
  DecoderStorage(const Checkpoint& checkpoint, DecoderConfig config, WeightFormat format);
  DecoderWeights allocate(const Checkpoint& checkpoint);
  DecoderLayerWeights allocate_layer(const Checkpoint& checkpoint, std::size_t layer);

  DecoderConfig config_;
  WeightFormat format_;
  StoredTensors tensors_;
  DecoderWeights weights_;
};

}  // namespace vlm
