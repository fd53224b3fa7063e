#pragma once

// The vision tower and projector of a checkpoint in memory, in the form the encoder takes.

#include <cstddef>
#include <deque>
#include <optional>
#include <span>

#include "checkpoint/checkpoint.h"
#include "core/thread_pool.h"
#include "projector/projector.h"
#include "tensor/matrix.h"
#include "vision/vision_config.h"
#include "vision/vision_weights.h"

namespace vlm {

// Owns float32 copies of the tensors below vision/ and projector/. Moves keep the views valid.
class VisionStorage {
 public:
  // Reads and checks every tensor; the checkpoint may go away afterwards. Blocks behind the hidden
  // state that the projector reads, and the final norm, are not read.
  // Throws Error{kNotFound}: a missing tensor; Error{kCorruptFile}: a tensor of another shape than
  // the config says; Error{kUnsupported}: a checkpoint without vision tower.
  VisionStorage(const Checkpoint& checkpoint, ThreadPool& pool);

  [[nodiscard]] const VisionConfig& vision_config() const noexcept { return vision_config_; }
  [[nodiscard]] const ProjectorConfig& projector_config() const noexcept {
    return projector_config_;
  }
  // Views that live as long as this object.
  [[nodiscard]] const VisionWeights& vision_weights() const noexcept { return *vision_weights_; }
  [[nodiscard]] const ProjectorWeights& projector_weights() const noexcept {
    return *projector_weights_;
  }
  // What ends a row of features of a tiled picture; empty unless the model is of LLaVA 1.6.
  [[nodiscard]] std::span<const float> image_newline() const noexcept { return image_newline_; }
  // Features of one view of a picture, after the projector.
  [[nodiscard]] std::size_t features_per_view() const noexcept;

 private:
  VisionConfig vision_config_;
  ProjectorConfig projector_config_;
  std::deque<Matrix<float>> tensors_;  // what the views look at
  std::optional<VisionWeights> vision_weights_;
  std::optional<ProjectorWeights> projector_weights_;
  std::span<const float> image_newline_;
};

}  // namespace vlm
