#pragma once

// Owns the tensors of a part of a model: found in a checkpoint by name first, filled with values
// afterwards, so that nothing large is taken before everything is known to be there.

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "core/thread_pool.h"
#include "tensor/linear.h"
#include "tensor/matrix.h"
#include "tensor/weight_matrix.h"

namespace vlm {

struct StorageBytes {
  std::size_t values = 0;   // of all tensors
  std::size_t loading = 0;  // besides, while they are filled
};

// A tensor of a checkpoint, by its canonical name, of the shape that the config asks for.
struct WantedTensor {
  std::string name;
  Shape shape;

  [[nodiscard]] std::size_t rows() const noexcept { return shape.front(); }
};

// Views and pointers that it gives live as long as the object; moves keep them valid.
class StoredTensors {
 public:
  // Several tensors stand one below the other in a matrix or vector. These throw Error{kNotFound}
  // for a missing tensor, Error{kCorruptFile} for one of another shape or of numbers that are not
  // floating. REQUIRES: a tensor; shapes that differ in nothing but the number of rows.
  const WeightMatrix* add_matrix(const Checkpoint& checkpoint, std::vector<WantedTensor> parts,
                                 WeightFormat format);
  // float32, of any rank; behind its first dimension a tensor is seen as one row.
  MatrixView<const float> add_floats(const Checkpoint& checkpoint, std::vector<WantedTensor> parts);
  // REQUIRES: tensors of one dimension.
  std::span<const float> add_vector(const Checkpoint& checkpoint, std::vector<WantedTensor> parts);

  // Linear layers of one input, named by their modules and of their weights' shapes, one below the
  // other; all biased or none.
  LinearWeights add_linears(const Checkpoint& checkpoint, const std::vector<WantedTensor>& modules,
                            WeightFormat format, bool biased);

  // Reads the values of every tensor, or those of another checkpoint in place of the ones there
  // are unless both have one origin (Checkpoint::origin()), in parallel, but so few at a time that
  // at most 1 GiB (or one tensor) is taken besides. Throws as add_matrix(); the values are then
  // undefined.
  void fill(const Checkpoint& checkpoint, ThreadPool& pool);

  [[nodiscard]] StorageBytes bytes() const;

 private:
  struct Tensor {
    std::vector<WantedTensor> parts;
    std::unique_ptr<WeightMatrix> matrix;
    Matrix<float> floats;  // empty if there is a matrix
    std::string origin;    // of the values that are there; empty: unknown, or there are none

    [[nodiscard]] std::size_t size() const noexcept;
    [[nodiscard]] std::size_t value_bytes() const noexcept;
    [[nodiscard]] std::size_t fill_bytes() const noexcept;
  };
  // The origin of every tensor of `checkpoint`. Keeps that of tensors that have it already.
  std::vector<std::string> start_filling(const Checkpoint& checkpoint,
                                         const std::vector<std::vector<const TensorInfo*>>& parts);
  // Numbers of tensors that are filled at the same time, the largest first.
  [[nodiscard]] std::vector<std::vector<std::size_t>> batches() const;
  [[nodiscard]] std::size_t fill_bytes(const std::vector<std::size_t>& batch) const;

  std::vector<Tensor> tensors_;
};

}  // namespace vlm
