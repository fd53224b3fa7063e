#pragma once

// Pictures to rows of the language model's embedding space: preprocessing, vision encoder, feature
// selection, projector, packing of tiles.

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include <opencv2/core/mat.hpp>

#include "checkpoint/checkpoint.h"
#include "core/thread_pool.h"
#include "model/image_processor.h"
#include "model/vision_storage.h"
#include "projector/tile_packing.h"
#include "tensor/matrix.h"
#include "vision/any_resolution.h"
#include "vision/preprocess.h"
#include "vision/vision_encoder.h"

namespace vlm {

// A picture as the tower takes it: one view, or for LLaVA 1.6 the whole picture and its tiles.
struct PictureViews {
  ImageSize size;  // of the picture before preprocessing
  std::vector<PixelValues> views;
};

// Immutable; all functions may be called from several threads, each with a pool of its own.
class VisionTower {
 public:
  // Reads vision/ and projector/ tensors and the image processor. `format` is that of the language
  // model; the tower has vision_weight_format(format).
  // Throws Error{kCorruptFile, kNotFound, kUnsupported}.
  VisionTower(const Checkpoint& checkpoint, ThreadPool& pool,
              WeightFormat format = WeightFormat::kFloat32);

  // `rgb`: CV_8UC3, R first. Throws as resize_within_limit().
  [[nodiscard]] PictureViews preprocess(const cv::Mat& rgb, ThreadPool& pool) const;
  // The rows that stand for each picture in a prompt, [features, text_hidden]. A picture's rows do
  // not depend on the pictures beside it. Throws Error{kInvalidArgument} for views of another
  // number or size than the model takes.
  [[nodiscard]] std::vector<Matrix<float>> encode(std::span<const PictureViews> pictures,
                                                  ThreadPool& pool) const;

  // The two halves of encode(): views to projected features, [views * features_per_view,
  // text_hidden], and those of one picture to its rows. `observer` hears of the hidden states.
  [[nodiscard]] Matrix<float> project_views(const PictureViews& picture, ThreadPool& pool,
                                            const VisionObserver& observer = {}) const;
  [[nodiscard]] Matrix<float> pack(Matrix<float> projected, ImageSize picture) const;

  // Views of a picture of that size, and the most that a picture has.
  [[nodiscard]] std::size_t num_views(ImageSize picture) const;
  [[nodiscard]] std::size_t max_views() const;
  // Of the rows that encode() gives, whatever the picture's size.
  [[nodiscard]] std::size_t max_bytes_per_picture() const;
  [[nodiscard]] bool tiles_pictures() const noexcept { return any_resolution_.has_value(); }

 private:
  VisionTower(const Checkpoint& checkpoint, const ImageProcessorJson& processor, ThreadPool& pool,
              WeightFormat format);
  // REQUIRES: tiles_pictures().
  [[nodiscard]] TileLayout tile_layout(ImageSize picture) const;

  VisionStorage storage_;
  PreprocessConfig preprocess_;
  std::optional<AnyResolutionConfig> any_resolution_;  // of LLaVA 1.6
  VisionEncoder encoder_;
};

}  // namespace vlm
