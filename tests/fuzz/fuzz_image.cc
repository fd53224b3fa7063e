// Image files from memory: an Error or pixels of the promised form, under both policies.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "core/error.h"
#include "vision/image.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  constexpr vlm::ImageLimits kLimits{.max_pixels = 1U << 20U, .max_file_bytes = 1U << 20U};
  for (const auto policy : {vlm::ImagePolicy::kPillow, vlm::ImagePolicy::kViewer}) {
    try {
      const cv::Mat rgb = vlm::decode_image(bytes, "fuzz", policy, kLimits);
      if (rgb.empty() || rgb.type() != CV_8UC3) std::abort();
    } catch (const vlm::Error&) {
      continue;
    }
  }
  return 0;
}
