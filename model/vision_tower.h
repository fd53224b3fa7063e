#pragma once

// Pictures to rows of the language model's embedding space: preprocessing, vision encoder, feature
// selection, projector.

#include <cstddef>
#include <span>
#include <vector>

#include <opencv2/core/mat.hpp>

#include "checkpoint/checkpoint.h"
#include "core/thread_pool.h"
#include "model/vision_storage.h"
#include "tensor/matrix.h"
#include "vision/preprocess.h"
#include "vision/vision_encoder.h"

namespace vlm {

// Immutable; encode() may be called from several threads, each with a pool of its own.
class VisionTower {
 public:
  // Reads vision/ and projector/ tensors and preprocessor_config.json.
  // Throws Error{kCorruptFile, kNotFound, kUnsupported}.
  VisionTower(const Checkpoint& checkpoint, ThreadPool& pool);

  // The rows that stand for each picture (8-bit RGB) in a prompt: [features_per_image,
  // text_hidden].
  [[nodiscard]] std::vector<Matrix<float>> encode(std::span<const cv::Mat> images,
                                                  ThreadPool& pool) const;
  // The same from pixels already preprocessed; `observer` hears of the hidden states.
  [[nodiscard]] std::vector<Matrix<float>> encode_pixels(std::span<const PixelValues> pixels,
                                                         ThreadPool& pool,
                                                         const VisionObserver& observer = {}) const;

  [[nodiscard]] const PreprocessConfig& preprocess_config() const noexcept { return preprocess_; }
  [[nodiscard]] std::size_t features_per_image() const noexcept {
    return storage_.features_per_image();
  }

 private:
  VisionStorage storage_;
  PreprocessConfig preprocess_;
  VisionEncoder encoder_;
};

}  // namespace vlm
