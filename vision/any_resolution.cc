#include "vision/any_resolution.h"

#include <algorithm>
#include <cmath>
#include <string>

#include <opencv2/core.hpp>

#include "core/check.h"
#include "core/error.h"

namespace vlm {
namespace {

constexpr std::size_t kMaxCanvases = 1024;
constexpr std::size_t kMaxTiles = 64;
constexpr std::size_t kMaxCanvasPixels = std::size_t{1} << 28U;

[[noreturn]] void fail(const JsonFields& json, const std::string& seen, const std::string& wanted) {
  throw Error(ErrorCode::kCorruptFile, "any resolution: " + json.where() +
                                           ": image_grid_pinpoints " + seen + " (" + wanted + ")");
}

// The side of a canvas, or 0 for what is none.
std::size_t canvas_side(const Json& value, std::size_t view_px) {
  if (!value.is_number_unsigned()) return 0;
  const auto side = value.get<std::uint64_t>();
  return side % view_px == 0 && side / view_px <= kMaxTiles ? side : 0;
}

ImageSize read_canvas(const Json& pair, const JsonFields& json, std::size_t view_px) {
  if (pair.is_array() && pair.size() == 2) {
    const ImageSize canvas{canvas_side(pair[0], view_px), canvas_side(pair[1], view_px)};
    const std::size_t tiles = (canvas.height_px / view_px) * (canvas.width_px / view_px);
    const bool small = canvas.height_px * canvas.width_px <= kMaxCanvasPixels;
    if (tiles > 0 && tiles <= kMaxTiles && small) return canvas;
  }
  fail(json, json_line(pair),
       "[height, width] in multiples of " + std::to_string(view_px) + ", 1 to " +
           std::to_string(kMaxTiles) + " tiles, at most 2^28 pixels");
}

std::size_t count_tiles(ImageSize canvas, std::size_t view_px) {
  return (canvas.height_px / view_px) * (canvas.width_px / view_px);
}

// hf: int(size * scale)
std::size_t scaled(std::size_t size_px, double scale) {
  return static_cast<std::size_t>(static_cast<double>(size_px) * scale);
}

double ratio(std::size_t a, std::size_t b) {
  return static_cast<double>(a) / static_cast<double>(b);
}

// Pixels of the picture that survive on the canvas.
std::size_t surviving_pixels(ImageSize picture, ImageSize canvas) {
  const double scale = std::min(ratio(canvas.width_px, picture.width_px),
                                ratio(canvas.height_px, picture.height_px));
  return std::min(scaled(picture.width_px, scale) * scaled(picture.height_px, scale),
                  picture.width_px * picture.height_px);
}

std::size_t ceil_scaled(std::size_t size_px, double scale, std::size_t most_px) {
  return std::min(static_cast<std::size_t>(std::ceil(static_cast<double>(size_px) * scale)),
                  most_px);
}

ImageSize size_of(const cv::Mat& image) {
  return {static_cast<std::size_t>(image.rows), static_cast<std::size_t>(image.cols)};
}

cv::Rect rectangle(std::size_t x, std::size_t y, ImageSize size) {
  return {static_cast<int>(x), static_cast<int>(y), static_cast<int>(size.width_px),
          static_cast<int>(size.height_px)};
}

}  // namespace

AnyResolutionConfig AnyResolutionConfig::from_json(const JsonFields& json, std::size_t view_px) {
  check(view_px > 0, "AnyResolutionConfig: views with pixels");
  AnyResolutionConfig config;
  config.view_px = view_px;
  const Json standard = Json::parse("[[336,672],[672,336],[672,672],[1008,336],[336,1008]]");
  const Json& list =
      json.has("image_grid_pinpoints") ? json.json().at("image_grid_pinpoints") : standard;
  if (!list.is_array() || list.empty() || list.size() > kMaxCanvases) {
    fail(json, list.is_array() ? "of " + std::to_string(list.size()) : json_line(list),
         "a list of 1 to " + std::to_string(kMaxCanvases));
  }
  config.canvases.clear();
  for (const Json& pair : list) config.canvases.push_back(read_canvas(pair, json, view_px));
  return config;
}

ImageSize AnyResolutionConfig::best_canvas(ImageSize picture) const {
  check(picture.height_px > 0 && picture.width_px > 0, "best_canvas: a picture with pixels");
  ImageSize best = canvases.front();
  std::size_t most = surviving_pixels(picture, best);
  for (const ImageSize& canvas : std::span(canvases).subspan(1)) {
    const std::size_t surviving = surviving_pixels(picture, canvas);
    const bool smaller = canvas.height_px * canvas.width_px < best.height_px * best.width_px;
    if (surviving < most || (surviving == most && !smaller)) continue;
    best = canvas;
    most = surviving;
  }
  return best;
}

std::size_t AnyResolutionConfig::num_views(ImageSize picture) const {
  return 1 + count_tiles(best_canvas(picture), view_px);
}

std::size_t AnyResolutionConfig::max_views() const {
  std::size_t most = 0;
  for (const ImageSize& canvas : canvases) most = std::max(most, count_tiles(canvas, view_px));
  return 1 + most;
}

ImageSize size_on_canvas(ImageSize picture, ImageSize canvas) {
  const double width_scale = ratio(canvas.width_px, picture.width_px);
  const double height_scale = ratio(canvas.height_px, picture.height_px);
  if (width_scale < height_scale) {
    return {ceil_scaled(picture.height_px, width_scale, canvas.height_px), canvas.width_px};
  }
  return {canvas.height_px, ceil_scaled(picture.width_px, height_scale, canvas.width_px)};
}

cv::Mat place_on_canvas(const cv::Mat& rgb, ImageSize canvas, ResizeFilter filter,
                        ThreadPool& pool) {
  const ImageSize size = size_on_canvas(size_of(rgb), canvas);
  cv::Mat out(static_cast<int>(canvas.height_px), static_cast<int>(canvas.width_px), rgb.type(),
              cv::Scalar::all(0));
  resize_within_limit(rgb, size, filter, pool)
      .copyTo(out(rectangle((canvas.width_px - size.width_px) / 2,
                            (canvas.height_px - size.height_px) / 2, size)));
  return out;
}

std::vector<PixelValues> preprocess_views(const cv::Mat& rgb, const AnyResolutionConfig& config,
                                          const PreprocessConfig& preprocessing, ThreadPool& pool) {
  PreprocessConfig values_only = preprocessing;
  values_only.do_resize = false;
  values_only.do_center_crop = false;
  const ImageSize view{config.view_px, config.view_px};
  const ImageSize canvas = config.best_canvas(size_of(rgb));
  std::vector<PixelValues> views;
  views.push_back(
      preprocess(resize_within_limit(rgb, view, preprocessing.filter, pool), values_only, pool));
  const cv::Mat placed = place_on_canvas(rgb, canvas, preprocessing.filter, pool);
  for (std::size_t y = 0; y < canvas.height_px; y += config.view_px) {
    for (std::size_t x = 0; x < canvas.width_px; x += config.view_px) {
      views.push_back(preprocess(placed(rectangle(x, y, view)), values_only, pool));
    }
  }
  return views;
}

}  // namespace vlm
