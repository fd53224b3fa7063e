#include "cli/trace_pictures.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "checkpoint/safetensors.h"
#include "core/error.h"
#include "vision/image.h"

namespace vlm {
namespace {

std::vector<PictureViews> views_of_images(const JsonFields& input, const VisionTower& tower,
                                          const std::filesystem::path& folder, ThreadPool& pool) {
  std::vector<PictureViews> pictures;
  const Json& names = input.json().at("images");
  const auto is_text = [](const Json& name) { return name.is_string(); };
  if (!names.is_array() || !std::all_of(names.begin(), names.end(), is_text)) {
    throw Error(ErrorCode::kCorruptFile,
                "expected a list of file names: " + input.where() + ": images");
  }
  for (const Json& name : names) {
    const cv::Mat image = read_image(folder / name.get<std::string>(), ImagePolicy::kPillow);
    pictures.push_back(tower.preprocess(image, pool));
  }
  return pictures;
}

// The tensor pixel_values: [views, 3, height, width], or one group of views for each picture.
struct StoredPixels {
  std::vector<PixelValues> views;
  std::size_t views_per_picture = 0;  // of the five-dimensional form, padded; 0: not padded
};

StoredPixels read_pixels(const std::filesystem::path& file) {
  const SafetensorsFile tensors(file);
  const TensorView stored = tensors.view("pixel_values");
  Shape shape = stored.shape;
  StoredPixels pixels;
  if (shape.size() == 5) {
    pixels.views_per_picture = shape[1];
    shape = {shape[0] * shape[1], shape[2], shape[3], shape[4]};
  }
  constexpr std::size_t kChannels = 3;
  if (shape.size() != 4 || shape[1] != kChannels || element_count(shape).value_or(0) == 0 ||
      !is_floating(stored.dtype)) {
    throw Error(ErrorCode::kCorruptFile,
                "expected pixel_values [views, 3, height, width] or [pictures, views, 3, height, "
                "width]: " +
                    file.string() + ": " + to_string(stored.shape));
  }
  for (std::size_t i = 0; i < shape[0]; ++i) {
    PixelValues view{Matrix<float>(shape[1], shape[2] * shape[3]), shape[2], shape[3]};
    read_floats(stored, i * view.values.size(), view.values.values());
    pixels.views.push_back(std::move(view));
  }
  return pixels;
}

std::vector<ImageSize> image_sizes_of(const JsonFields& input) {
  constexpr std::uint64_t kLargest = 100'000'000;
  const auto is_side = [](const Json& side) {
    return side.is_number_unsigned() && side.get<std::uint64_t>() > 0 &&
           side.get<std::uint64_t>() <= kLargest;
  };
  std::vector<ImageSize> sizes;
  const Json list = json_list(input.json().at("image_sizes"));
  for (const Json& pair : list) {
    if (!pair.is_array() || pair.size() != 2 || !is_side(pair[0]) || !is_side(pair[1])) {
      throw Error(ErrorCode::kCorruptFile, "expected [height, width] of each picture: " +
                                               input.where() + ": image_sizes " + json_line(pair));
    }
    sizes.push_back({pair[0].get<std::size_t>(), pair[1].get<std::size_t>()});
  }
  return sizes;
}

// Without sizes every view is a picture.
std::vector<ImageSize> sizes_for(const JsonFields& input, const VisionTower& tower,
                                 const StoredPixels& pixels) {
  if (input.has("image_sizes")) return image_sizes_of(input);
  if (tower.geometry().tiles_pictures()) {
    throw Error(ErrorCode::kInvalidArgument,
                "pixel_values of tiled pictures need their image_sizes: " + input.where());
  }
  const std::size_t per_picture = std::max<std::size_t>(1, pixels.views_per_picture);
  const PixelValues& view = pixels.views.front();
  return std::vector<ImageSize>(pixels.views.size() / per_picture, {view.height_px, view.width_px});
}

std::vector<PictureViews> views_of_file(const JsonFields& input, const VisionTower& tower,
                                        const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / input.text("pixel_values");
  StoredPixels pixels = read_pixels(file);
  std::vector<PictureViews> pictures;
  std::size_t next = 0;
  for (const ImageSize& size : sizes_for(input, tower, pixels)) {
    const std::size_t count = tower.geometry().num_views(size);
    const std::size_t stored = pixels.views_per_picture == 0 ? count : pixels.views_per_picture;
    if (stored < count || stored > pixels.views.size() - next) {
      throw Error(ErrorCode::kCorruptFile,
                  "too few pixel_values for the pictures' sizes: " + file.string() + ": picture " +
                      std::to_string(pictures.size()) + " has " + std::to_string(count) + " views");
    }
    PictureViews& picture = pictures.emplace_back(PictureViews{size, {}});
    for (std::size_t i = 0; i < count; ++i) {
      picture.views.push_back(std::move(pixels.views[next + i]));
    }
    next += stored;
  }
  if (next != pixels.views.size()) {
    throw Error(ErrorCode::kCorruptFile,
                "more pixel_values than the pictures' sizes say: " + file.string() + ": " +
                    std::to_string(pixels.views.size()) + " views, " + std::to_string(next) +
                    " expected");
  }
  return pictures;
}

}  // namespace

std::vector<PictureViews> read_trace_pictures(const JsonFields& input, const VisionTower& tower,
                                              const std::filesystem::path& folder,
                                              ThreadPool& pool) {
  if (input.has("pixel_values")) return views_of_file(input, tower, folder);
  if (input.has("images")) return views_of_images(input, tower, folder, pool);
  return {};
}

}  // namespace vlm
