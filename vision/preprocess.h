#pragma once

// Pixels to the numbers CLIP takes: CLIPImageProcessor of transformers 4.38, bit for bit.

#include <array>
#include <cstddef>
#include <optional>

#include <opencv2/core/mat.hpp>

#include "core/json_fields.h"
#include "core/thread_pool.h"
#include "tensor/matrix.h"
#include "vision/resize.h"

namespace vlm {

struct ImageSize {
  std::size_t height_px = 0;
  std::size_t width_px = 0;

  bool operator==(const ImageSize&) const = default;
};

// preprocessor_config.json. The defaults are CLIPImageProcessor's; from_json() takes those of
// SiglipImageProcessor where its name stands.
struct PreprocessConfig {
  bool do_resize = true;
  // Set: the shorter side becomes this, the aspect ratio stays. Otherwise `resize_to` is used.
  std::optional<std::size_t> shortest_edge_px = 224;
  ImageSize resize_to;
  ResizeFilter filter = ResizeFilter::kBicubic;
  bool do_center_crop = true;
  ImageSize crop_to{224, 224};
  bool do_rescale = true;
  double rescale_factor = 1.0 / 255.0;
  bool do_normalize = true;
  std::array<double, 3> mean{0.48145466, 0.4578275, 0.40821073};
  std::array<double, 3> deviation{0.26862954, 0.26130258, 0.27577711};

  // Throws Error{kCorruptFile, kUnsupported}: another processor type is refused by its name.
  static PreprocessConfig from_json(const JsonFields& json);
};

struct PixelValues {
  Matrix<float> values;  // [channels = 3, height * width]
  std::size_t height_px = 0;
  std::size_t width_px = 0;
};

// The size an image gets whose shorter side becomes `shortest_edge_px`: the longer side is
// int(shortest_edge * long / short).
ImageSize shortest_edge_size(ImageSize image, std::size_t shortest_edge_px);

// resize_image(), held to a limit. Throws Error{kInvalidArgument} if more than 2^28 pixels would be
// in memory between its two passes (an extreme aspect ratio).
cv::Mat resize_within_limit(const cv::Mat& image, ImageSize size, ResizeFilter filter,
                            ThreadPool& pool);

// The middle of an image; outside is 0. As in transformers, an image smaller than the crop by an
// odd number of pixels gives one row or column less than asked for. `image`: 8-bit, any channels.
cv::Mat center_crop(const cv::Mat& image, ImageSize crop);

// `rgb` (CV_8UC3, R first) resized, cropped, rescaled (in double, rounded to float) and normalised
// (in float). Throws as resize_within_limit().
PixelValues preprocess(const cv::Mat& rgb, const PreprocessConfig& config, ThreadPool& pool);

}  // namespace vlm
