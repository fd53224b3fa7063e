#pragma once

// Owns a decoder's weights in float32, read from the `text/` tensors of a checkpoint.

#include <cstddef>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "core/thread_pool.h"
#include "language/decoder_config.h"
#include "language/decoder_weights.h"
#include "tensor/matrix.h"

namespace vlm {

class DecoderStorage {
 public:
  // Reads all tensors, in parallel. Throws Error{kNotFound} for a missing tensor and
  // Error{kCorruptFile} for one of another shape than the config gives it.
  static DecoderStorage load(const Checkpoint& checkpoint, const DecoderConfig& config,
                             ThreadPool& pool);

  // Replaces the values by those of another checkpoint of the same config, into the same memory;
  // views stay valid. Errors as in load(); the values are then undefined.
  void refill(const Checkpoint& checkpoint, ThreadPool& pool);

  [[nodiscard]] const DecoderConfig& config() const noexcept { return config_; }
  // Views into this object's memory, which a move of the object leaves where it is.
  [[nodiscard]] const DecoderWeights& weights() const noexcept { return weights_; }

 private:
  struct Tensor {
    std::string name;  // canonical
    Shape shape;
    Matrix<float> values;  // [1, n] for a vector
  };

  // Finds and checks every tensor before it takes memory for it; reads no values.
  DecoderStorage(const Checkpoint& checkpoint, const DecoderConfig& config);
  DecoderWeights allocate(const Checkpoint& checkpoint);
  DecoderLayerWeights allocate_layer(const Checkpoint& checkpoint, std::size_t layer);
  LinearWeights allocate_linear(const Checkpoint& checkpoint, const std::string& name,
                                const Shape& shape, bool biased);
  const Matrix<float>& allocate_tensor(const Checkpoint& checkpoint, const std::string& name,
                                       Shape shape);

  DecoderConfig config_;
  std::vector<Tensor> tensors_;
  DecoderWeights weights_;
};

}  // namespace vlm
