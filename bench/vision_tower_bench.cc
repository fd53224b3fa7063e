// Images per second of the vision tower of a model on disk. One measurement for each run, so that
// bench/compare_vision.py can take turns with other programs.
//
// usage: vision_tower_bench MODEL float32|bfloat16|int8 THREADS IMAGES
//
// Prints one line of JSON, with the mean magnitude of the result, for comparing. Limit: arithmetic,
// for each token 2 operations for each weight and 4 * hidden for each token it sees.

#include <cmath>
#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

#include "bench/measured_run.h"
#include "checkpoint/file_checkpoint.h"
#include "core/json_fields.h"
#include "core/thread_pool.h"
#include "model/picture_geometry.h"
#include "model/vision_storage.h"
#include "vision/vision_encoder.h"

namespace vlm {
namespace {

// The same values as in bench/compare_vision.py.
std::vector<PixelValues> made_up_images(const VisionConfig& config, std::size_t count) {
  const std::size_t side = config.image_size_px;
  std::vector<PixelValues> images(count);
  std::size_t place = 0;
  for (PixelValues& image : images) {
    image = {Matrix<float>(config.num_channels, side * side), side, side};
    for (float& value : image.values.values()) {
      value = static_cast<float>(place++ * 7919 % 1000) / 500.0F - 1.0F;
    }
  }
  return images;
}

double mean_magnitude(const Matrix<float>& x) {
  double sum = 0.0;
  for (const float value : x.values()) sum += std::abs(double{value});
  return sum / static_cast<double>(x.size());
}

int run(const std::vector<const char*>& arguments) {
  const auto format = arguments.size() == 5 ? weight_format_from_name(arguments[2]) : std::nullopt;
  if (!format) {
    std::fprintf(stderr, "usage: %s MODEL float32|bfloat16|int8 THREADS IMAGES\n", arguments[0]);
    return 2;
  }
  ThreadPool pool(count_of(arguments[3]));
  const Clock::time_point start = Clock::now();
  const FileCheckpoint checkpoint(arguments[1]);
  const VisionStorage storage = VisionStorage::load(checkpoint, pool, *format);
  const double load_seconds = seconds_since(start);
  const VisionEncoder encoder(storage.vision_config(), storage.vision_weights());
  const int layer = PictureGeometry(checkpoint).projector().vision_feature_layer;
  const auto few = made_up_images(encoder.config(), pool.num_threads());
  static_cast<void>(encoder.encode(few, layer, pool));  // kernels are made, pages are there
  const auto images = made_up_images(encoder.config(), count_of(arguments[4]));
  const Clock::time_point first = Clock::now();
  const Matrix<float> hidden = encoder.encode(images, layer, pool);
  const double seconds = seconds_since(first);
  const Json result{{"images_per_second", static_cast<double>(images.size()) / seconds},
                    {"mean_magnitude", mean_magnitude(hidden)},
                    {"load_seconds", load_seconds}};
  std::printf("%s\n", result.dump().c_str());
  return 0;
}

}  // namespace
}  // namespace vlm

int main(int argc, char** argv) {
  try {
    return vlm::run({argv, argv + argc});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "vision_tower_bench: error: %s\n", error.what());
    return 1;
  }
}
