#pragma once

// Antialiased resizing equal to Pillow's Image.resize to the last bit, which cv::resize is not.

#include <cstddef>
#include <cstdint>

#include <opencv2/core/mat.hpp>

#include "core/thread_pool.h"

namespace vlm {

// Numbered as in Pillow and in preprocessor_config.json.
enum class ResizeFilter : std::uint8_t { kBilinear = 2, kBicubic = 3 };

// `image` (CV_8UC1 or CV_8UC3) at width_px x height_px. Two one-dimensional convolutions, the
// intermediate rounded to 8 bits. The filter (triangle; Keys 1981 with a = -0.5) is widened by the
// scale when shrinking; its weights are normalised in double and rounded to 22 fraction bits.
// The horizontal pass goes first, except when the height loses more than twice as many pixels as
// the width: Pillow 13.0 brought that order (python-pillow/Pillow#9549), earlier ones do not know
// it, so their tall images differ from ours by a few levels. REQUIRES: no side is 0.
cv::Mat resize_image(const cv::Mat& image, std::size_t width_px, std::size_t height_px,
                     ResizeFilter filter, ThreadPool& pool);

}  // namespace vlm
