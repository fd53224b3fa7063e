#pragma once

// OpenCV's decoders behind a module that is loaded when the first picture is read: with them come
// 114 libraries (GDAL among them), and to link those takes longer than most commands do.

#include <cstddef>
#include <span>

#include <opencv2/core.hpp>

namespace vlm {

// cv::imdecode(bytes, flags): 8 or 16 bits, 1, 3 (BGR) or 4 (BGRA) channels; empty if it cannot
// decode them. The first call loads vlm_image_codecs.so from the folder of the program or from
// ../lib/vlm-merge beside it. Throws Error: kNotFound if the module is not there,
// kUnsupported if it cannot be loaded. Any thread.
cv::Mat decode_with_opencv(std::span<const std::byte> bytes, int flags);

}  // namespace vlm
