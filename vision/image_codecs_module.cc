#include "vision/image_codecs_module.h"

#include <opencv2/imgcodecs.hpp>

void vlm_decode_image(const std::byte* bytes, std::size_t size, int flags,
                      cv::Mat* image) noexcept {
  // cv::Mat takes only a mutable pointer; imdecode() reads.
  const cv::Mat input(1, static_cast<int>(size), CV_8UC1, const_cast<std::byte*>(bytes));
  try {
    *image = cv::imdecode(input, flags);
  } catch (...) {  // a damaged image: cv::Exception, bad_alloc
    image->release();
  }
}
