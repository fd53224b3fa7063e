#pragma once

// The deltas of all models in a block, for methods that compare them with each other.

#include <cstddef>
#include <span>

#include "merge/block_loop.h"
#include "merge/kernels/elementwise.h"

namespace vlm {

// The buffers of a block as such: a delta for each model, then further ones.
class DeltaBuffers {
 public:
  static BlockNeeds needs(const TensorMerge& task, std::size_t num_further) {
    return {.buffers = task.models.size() + num_further, .takes_bfloat16 = true};
  }

  DeltaBuffers(const InputBlock& inputs, std::size_t num_models)
      : all_(inputs.buffers), size_(inputs.size), num_models_(num_models) {}

  [[nodiscard]] std::size_t num_models() const noexcept { return num_models_; }
  [[nodiscard]] std::span<float> delta(std::size_t model) const {
    return all_.subspan(model * size_, size_);
  }
  [[nodiscard]] std::span<float> further(std::size_t index) const {
    return delta(num_models_ + index);
  }

  void make_deltas(const InputBlock& inputs) const {
    inputs.visit([&](auto base, const auto& models) {
      for (std::size_t i = 0; i < models.size(); ++i) subtract(models[i], base, delta(i));
    });
  }

 private:
  std::span<float> all_;  // [num_models + further][size]
  std::size_t size_;
  std::size_t num_models_;
};

}  // namespace vlm
