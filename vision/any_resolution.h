#pragma once

// How LLaVA 1.6 looks at a picture of any size: first at all of it, squeezed into one square view,
// then at the square tiles of a canvas on which it lies unsqueezed. Liu et al. 2024, "LLaVA-NeXT:
// Improved reasoning, OCR, and world knowledge"; LlavaNextImageProcessor of transformers.

#include <cstddef>
#include <span>
#include <vector>

#include <opencv2/core/mat.hpp>

#include "core/json_fields.h"
#include "core/thread_pool.h"
#include "vision/preprocess.h"

namespace vlm {

struct AnyResolutionConfig {
  std::size_t view_px = 336;  // side of a view: the tower's image size
  std::vector<ImageSize> canvases{{336, 672}, {672, 336}, {672, 672}, {1008, 336}, {336, 1008}};

  // `image_grid_pinpoints` of a config.json: [[height, width], ...]. A canvas that is not made of
  // whole views, or of more than 64 or of more than 2^28 pixels, is refused; so are more than
  // 1,024 canvases.
  // Throws Error{kCorruptFile}.
  static AnyResolutionConfig from_json(const JsonFields& json, std::size_t view_px);

  // The canvas on which most of a picture's pixels survive, or of several the one with least waste.
  [[nodiscard]] ImageSize best_canvas(ImageSize picture) const;
  // Views of a picture: one of all of it, and the tiles of its canvas.
  [[nodiscard]] std::size_t num_views(ImageSize picture) const;
  [[nodiscard]] std::size_t max_views() const;
};

// The largest size of a picture's aspect ratio that fits a canvas; a fraction of a pixel counts as
// one.
ImageSize size_on_canvas(ImageSize picture, ImageSize canvas);

// The picture resized to size_on_canvas(), in the middle of a black canvas; with an odd rest the
// right and the lower margin are the wider ones. Throws as resize_within_limit().
cv::Mat place_on_canvas(const cv::Mat& rgb, ImageSize canvas, ResizeFilter filter,
                        ThreadPool& pool);

// The views of `rgb` (CV_8UC3), the whole picture first, then the tiles row by row; values as
// `preprocessing` says. Throws as resize_within_limit().
std::vector<PixelValues> preprocess_views(const cv::Mat& rgb, const AnyResolutionConfig& config,
                                          const PreprocessConfig& preprocessing, ThreadPool& pool);

}  // namespace vlm
