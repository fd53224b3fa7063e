#include "vision/preprocess.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <opencv2/core.hpp>

#include "core/check.h"
#include "core/error.h"
#include "core/nearest_name.h"

namespace vlm {
namespace {

constexpr std::size_t kMaxSidePx = std::size_t{1} << 16U;
constexpr std::size_t kMaxResizedPixels = std::size_t{1} << 28U;

[[noreturn]] void fail(ErrorCode code, const JsonFields& json, const std::string& what) {
  throw Error(code, "image preprocessing: " + json.where() + ": " + what);
}

void check_processor_type(const JsonFields& json) {
  const std::vector<std::string> known{"CLIPImageProcessor",         "CLIPFeatureExtractor",
                                       "CLIPImageProcessorFast",     "CLIPImageProcessorPil",
                                       "LlavaNextImageProcessor",    "LlavaNextImageProcessorFast",
                                       "LlavaNextImageProcessorPil", "SiglipImageProcessor",
                                       "SiglipImageProcessorFast",   "SiglipImageProcessorPil"};
  bool tiles = json.has("image_grid_pinpoints");
  for (const char* key : {"image_processor_type", "feature_extractor_type"}) {
    if (!json.has(key)) continue;
    const std::string type = json.text(key);
    if (std::find(known.begin(), known.end(), type) == known.end()) {
      fail(ErrorCode::kUnsupported, json,
           std::string(key) + " '" + type + "'" + name_hint(type, known));
    }
    tiles = tiles || type.starts_with("LlavaNext");
  }
  // LLaVA 1.6 pads the number of tiles in a batch, not the picture.
  if (!tiles && json.boolean_or("do_pad", false))
    fail(ErrorCode::kUnsupported, json, "do_pad true");
}

bool is_siglip(const JsonFields& json) {
  return json.text_or("image_processor_type", "").starts_with("Siglip");
}

// SiglipImageProcessor's: a picture is squeezed into a square.
PreprocessConfig siglip_defaults() {
  constexpr std::array<double, 3> kHalf{0.5, 0.5, 0.5};
  PreprocessConfig config;
  config.shortest_edge_px.reset();
  config.resize_to = {224, 224};
  config.do_center_crop = false;
  config.mean = kHalf;
  config.deviation = kHalf;
  return config;
}

std::size_t side(const JsonFields& json, std::string_view key) {
  const std::size_t value = json.size(key);
  if (value > 0 && value <= kMaxSidePx) return value;
  fail(ErrorCode::kCorruptFile, json,
       std::string(key) + " " + std::to_string(value) + " (1 to " + std::to_string(kMaxSidePx) +
           " expected)");
}

ImageSize height_and_width(const JsonFields& json) {
  return {.height_px = side(json, "height"), .width_px = side(json, "width")};
}

void read_size(const JsonFields& json, PreprocessConfig& config) {
  if (!json.has("size")) return;
  config.shortest_edge_px.reset();
  if (!json.json().at("size").is_object()) {
    config.shortest_edge_px = side(json, "size");
    return;
  }
  const JsonFields size = json.object("size");
  if (size.has("shortest_edge")) {
    config.shortest_edge_px = side(size, "shortest_edge");
  } else {
    config.resize_to = height_and_width(size);
  }
}

void read_crop_size(const JsonFields& json, PreprocessConfig& config) {
  if (!json.has("crop_size")) return;
  if (json.json().at("crop_size").is_object()) {
    config.crop_to = height_and_width(json.object("crop_size"));
  } else {
    const std::size_t edge = side(json, "crop_size");
    config.crop_to = {.height_px = edge, .width_px = edge};
  }
}

ResizeFilter read_filter(const JsonFields& json) {
  const std::size_t resample = json.size_or("resample", 3);
  if (resample == 2) return ResizeFilter::kBilinear;
  if (resample == 3) return ResizeFilter::kBicubic;
  fail(ErrorCode::kUnsupported, json,
       "resample " + std::to_string(resample) + " (known: 2 bilinear, 3 bicubic)");
}

std::array<double, 3> three_numbers(const JsonFields& json, std::string_view key,
                                    const std::array<double, 3>& fallback) {
  if (!json.has(key)) return fallback;
  const Json& list = json.json().at(std::string(key));
  std::array<double, 3> out{};
  const bool holds = list.is_array() && list.size() == 3 &&
                     std::all_of(list.begin(), list.end(), [](const Json& value) {
                       return value.is_number() && std::isfinite(value.get<double>());
                     });
  if (!holds) {
    fail(ErrorCode::kCorruptFile, json, std::string(key) + " " + list.dump() + " (3 numbers)");
  }
  std::transform(list.begin(), list.end(), out.begin(),
                 [](const Json& value) { return value.get<double>(); });
  return out;
}

// What each of the 256 pixel values of a channel becomes.
std::array<float, 256> value_table(const PreprocessConfig& config, std::size_t channel) {
  std::array<float, 256> table{};
  const auto mean = static_cast<float>(config.mean[channel]);
  const auto deviation = static_cast<float>(config.deviation[channel]);
  for (std::size_t pixel = 0; pixel < table.size(); ++pixel) {
    auto value = static_cast<float>(pixel);
    if (config.do_rescale) {
      value = static_cast<float>(static_cast<double>(pixel) * config.rescale_factor);
    }
    if (config.do_normalize) value = (value - mean) / deviation;
    table[pixel] = value;
  }
  return table;
}

PixelValues to_values(const cv::Mat& rgb, const PreprocessConfig& config) {
  const auto height = static_cast<std::size_t>(rgb.rows);
  const auto width = static_cast<std::size_t>(rgb.cols);
  PixelValues out{
      .values = Matrix<float>(3, height * width), .height_px = height, .width_px = width};
  for (std::size_t channel = 0; channel < 3; ++channel) {
    const std::array<float, 256> table = value_table(config, channel);
    const std::span<float> plane = out.values.row(channel);
    for (std::size_t y = 0; y < height; ++y) {
      const std::uint8_t* pixels = rgb.ptr(static_cast<int>(y)) + channel;
      for (std::size_t x = 0; x < width; ++x) plane[y * width + x] = table[pixels[3 * x]];
    }
  }
  return out;
}

cv::Mat resize_to_config(const cv::Mat& rgb, const PreprocessConfig& config, ThreadPool& pool) {
  const ImageSize image{.height_px = static_cast<std::size_t>(rgb.rows),
                        .width_px = static_cast<std::size_t>(rgb.cols)};
  const ImageSize target = config.shortest_edge_px
                               ? shortest_edge_size(image, *config.shortest_edge_px)
                               : config.resize_to;
  return resize_within_limit(rgb, target, config.filter, pool);
}

// One side of a centre crop: image pixels [image_first, image_first + count) go to
// [crop_first, crop_first + count) of `size` pixels.
struct CropSide {
  std::size_t image_first = 0;
  std::size_t crop_first = 0;
  std::size_t count = 0;
  std::size_t size = 0;
};

// transformers pads by (crop - image) / 2 rounded down in front, then begins to read at (image -
// crop) / 2 rounded down, too: with an odd difference the end is one short.
CropSide crop_side(std::size_t image, std::size_t crop) {
  if (image >= crop) return {(image - crop) / 2, 0, crop, crop};
  const std::size_t pad = (crop - image) / 2;
  return {0, pad, image, image + 2 * pad};
}

cv::Rect rectangle(std::size_t x, std::size_t y, std::size_t width, std::size_t height) {
  return {static_cast<int>(x), static_cast<int>(y), static_cast<int>(width),
          static_cast<int>(height)};
}

}  // namespace

PreprocessConfig PreprocessConfig::from_json(const JsonFields& json) {
  check_processor_type(json);
  PreprocessConfig config = is_siglip(json) ? siglip_defaults() : PreprocessConfig{};
  config.do_resize = json.boolean_or("do_resize", true);
  read_size(json, config);
  config.filter = read_filter(json);
  config.do_center_crop = json.boolean_or("do_center_crop", config.do_center_crop);
  read_crop_size(json, config);
  config.do_rescale = json.boolean_or("do_rescale", true);
  config.rescale_factor = json.number_or("rescale_factor", config.rescale_factor);
  config.do_normalize = json.boolean_or("do_normalize", true);
  config.mean = three_numbers(json, "image_mean", config.mean);
  config.deviation = three_numbers(json, "image_std", config.deviation);
  for (const double deviation : config.deviation) {
    if (static_cast<float>(deviation) == 0.0F) fail(ErrorCode::kCorruptFile, json, "image_std 0");
  }
  return config;
}

ImageSize shortest_edge_size(ImageSize image, std::size_t shortest_edge_px) {
  const auto [shorter, longer] = std::minmax(image.height_px, image.width_px);
  check(shorter > 0, "shortest_edge_size: an image with pixels");
  const auto new_longer = static_cast<std::size_t>(static_cast<double>(shortest_edge_px * longer) /
                                                   static_cast<double>(shorter));
  if (image.width_px <= image.height_px) return {new_longer, shortest_edge_px};
  return {shortest_edge_px, new_longer};
}

cv::Mat resize_within_limit(const cv::Mat& image, ImageSize size, ResizeFilter filter,
                            ThreadPool& pool) {
  const auto height = static_cast<std::size_t>(image.rows);
  const std::size_t rows = std::max(size.height_px, height);  // between the two passes
  if (size.width_px > kMaxResizedPixels / rows) {
    throw Error(ErrorCode::kInvalidArgument,
                "image too long for its width: " + std::to_string(image.cols) + "x" +
                    std::to_string(height) + " px would be resized to " +
                    std::to_string(size.width_px) + "x" + std::to_string(size.height_px));
  }
  return resize_image(image, size.width_px, size.height_px, filter, pool);
}

cv::Mat center_crop(const cv::Mat& image, ImageSize crop) {
  const CropSide y = crop_side(static_cast<std::size_t>(image.rows), crop.height_px);
  const CropSide x = crop_side(static_cast<std::size_t>(image.cols), crop.width_px);
  cv::Mat out(static_cast<int>(y.size), static_cast<int>(x.size), image.type(), cv::Scalar::all(0));
  image(rectangle(x.image_first, y.image_first, x.count, y.count))
      .copyTo(out(rectangle(x.crop_first, y.crop_first, x.count, y.count)));
  return out;
}

PixelValues preprocess(const cv::Mat& rgb, const PreprocessConfig& config, ThreadPool& pool) {
  check(rgb.type() == CV_8UC3 && !rgb.empty(), "preprocess: an 8-bit RGB image");
  cv::Mat image = rgb;
  if (config.do_resize) image = resize_to_config(image, config, pool);
  if (config.do_center_crop) image = center_crop(image, config.crop_to);
  return to_values(image, config);
}

}  // namespace vlm
