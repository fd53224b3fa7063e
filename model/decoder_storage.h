#pragma once

// Owns a decoder's weights, read from the `text/` tensors of a checkpoint: matrices in a chosen
// format, norms and biases in float32.

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "core/thread_pool.h"
#include "language/decoder_config.h"
#include "language/decoder_weights.h"
#include "tensor/matrix.h"
#include "tensor/weight_matrix.h"

namespace vlm {

class DecoderStorage {
 public:
  // Reads all tensors, in parallel, but so few at a time that at most 1 GiB (or one tensor) is
  // taken besides the weights. Throws Error{kNotFound} for a missing tensor and
  // Error{kCorruptFile} for one of another shape than the config gives it.
  static DecoderStorage load(const Checkpoint& checkpoint, const DecoderConfig& config,
                             ThreadPool& pool, WeightFormat format = WeightFormat::kFloat32);

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
    std::unique_ptr<WeightMatrix> matrix;  // null for a vector,
    Matrix<float> vector;                  // [1, n], empty for a matrix
  };

  // Finds and checks every tensor before it takes memory for it; reads no values.
  DecoderStorage(const Checkpoint& checkpoint, DecoderConfig config, WeightFormat format);
  DecoderWeights allocate(const Checkpoint& checkpoint);
  DecoderLayerWeights allocate_layer(const Checkpoint& checkpoint, std::size_t layer);
  LinearWeights allocate_linear(const Checkpoint& checkpoint, const std::string& name,
                                const Shape& shape, bool biased);
  const WeightMatrix* allocate_matrix(const Checkpoint& checkpoint, const std::string& name,
                                      Shape shape);
  std::span<const float> allocate_vector(const Checkpoint& checkpoint, const std::string& name,
                                         std::size_t size);

  DecoderConfig config_;
  WeightFormat format_;
  std::vector<Tensor> tensors_;
  DecoderWeights weights_;
};

}  // namespace vlm
