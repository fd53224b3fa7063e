// Any bytes as the JSON of image_grid_pinpoints, behind four bytes for a picture's size: either
// refused, or every picture has a bounded number of views and features and fits its canvas.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/error.h"
#include "projector/tile_packing.h"
#include "vision/any_resolution.h"

namespace {

constexpr std::size_t kViewPx = 14;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_picture(const vlm::AnyResolutionConfig& config, vlm::ImageSize picture) {
  require(config.num_views(picture) <= config.max_views() && config.max_views() <= 65);
  const vlm::ImageSize canvas = config.best_canvas(picture);
  const vlm::ImageSize size = vlm::size_on_canvas(picture, canvas);
  require(size.height_px > 0 && size.height_px <= canvas.height_px);
  require(size.width_px > 0 && size.width_px <= canvas.width_px);
  const std::size_t rows = vlm::packed_rows({.view_side = 7,
                                             .tile_rows = canvas.height_px / kViewPx,
                                             .tile_columns = canvas.width_px / kViewPx,
                                             .picture_height_px = picture.height_px,
                                             .picture_width_px = picture.width_px});
  require(rows >= 49 && rows <= 49 + 2 * 49 * 64);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 4) return 0;
  const vlm::ImageSize picture{1U + data[0] + 256U * data[1], 1U + data[2] + 256U * data[3]};
  const std::string_view text(reinterpret_cast<const char*>(data + 4), size - 4);
  try {
    const vlm::Json json{{"image_grid_pinpoints", vlm::parse_json(text, "input")}};
    check_picture(vlm::AnyResolutionConfig::from_json(vlm::JsonFields(json, "input"), kViewPx),
                  picture);
  } catch (const vlm::Error&) {
    return 0;  // refused
  }
  return 0;
}
