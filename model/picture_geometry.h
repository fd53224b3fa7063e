#pragma once

// How a vision-language model cuts pictures into views and how many rows of its prompt they become,
// from its configs alone.

#include <cstddef>
#include <optional>
#include <vector>

#include <opencv2/core/mat.hpp>

#include "checkpoint/checkpoint.h"
#include "core/thread_pool.h"
#include "model/image_processor.h"
#include "projector/projector.h"
#include "projector/tile_packing.h"
#include "vision/any_resolution.h"
#include "vision/preprocess.h"
#include "vision/vision_config.h"

namespace vlm {

// A picture as the tower takes it: one view, or for LLaVA 1.6 the whole picture and its tiles.
struct PictureViews {
  ImageSize size;  // of the picture before preprocessing
  std::vector<PixelValues> views;
};

// Immutable.
class PictureGeometry {
 public:
  // Reads config and image processor. REQUIRES: a vision-language model.
  // Throws Error{kCorruptFile, kNotFound, kUnsupported}.
  explicit PictureGeometry(const Checkpoint& checkpoint);

  // `rgb`: CV_8UC3, R first. Throws as resize_within_limit().
  [[nodiscard]] PictureViews preprocess(const cv::Mat& rgb, ThreadPool& pool) const;

  [[nodiscard]] const VisionConfig& vision() const noexcept { return vision_; }
  [[nodiscard]] const ProjectorConfig& projector() const noexcept { return projector_; }
  [[nodiscard]] bool tiles_pictures() const noexcept { return any_resolution_.has_value(); }
  // Views of a picture of that size, and the most that a picture has.
  [[nodiscard]] std::size_t num_views(ImageSize picture) const;
  [[nodiscard]] std::size_t max_views() const;
  // Hidden states of one view that the projector takes.
  [[nodiscard]] std::size_t features_per_view() const noexcept;
  // REQUIRES: tiles_pictures().
  [[nodiscard]] TileLayout tile_layout(ImageSize picture) const;
  // Rows of a picture in a prompt, whatever its size.
  [[nodiscard]] std::size_t max_rows() const;

 private:
  PictureGeometry(const ModelConfig& config, const ImageProcessorJson& processor);

  VisionConfig vision_;
  ProjectorConfig projector_;
  PreprocessConfig preprocess_;
  std::optional<AnyResolutionConfig> any_resolution_;  // of LLaVA 1.6
};

}  // namespace vlm
