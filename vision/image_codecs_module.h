#pragma once

// What the module vlm_image_codecs.so offers. Only vision/image_codecs.cc calls it.

#include <cstddef>

#include <opencv2/core.hpp>

// Decodes `size` bytes with cv::imdecode() into *image, which stays empty if that fails.
extern "C" void vlm_decode_image(const std::byte* bytes, std::size_t size, int flags,
                                 cv::Mat* image) noexcept;
