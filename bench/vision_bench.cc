// Images per second of decoding, CLIP preprocessing and the vision encoder on the bundled VLM.
// Encoder, per image of 65 tokens, hidden 192, 5 blocks: 5 * 65 * (12 * 192^2 + 2 * 65 * 192) * 2 =
// 304 MFLOP, so at 50 GFLOP/s a core can do about 160 images/s.

#include <filesystem>
#include <vector>

#include <benchmark/benchmark.h>
#include <opencv2/core.hpp>

#include "checkpoint/file_checkpoint.h"
#include "core/thread_pool.h"
#include "model/vision_storage.h"
#include "vision/image.h"
#include "vision/preprocess.h"
#include "vision/vision_encoder.h"

namespace vlm {
namespace {

const std::filesystem::path kProject = VLM_PROJECT_DIR;

void decode_png(benchmark::State& state) {
  const auto file = kProject / "datasets/en-emoji-vqa/test/images/e0000.png";
  for (auto _ : state) benchmark::DoNotOptimize(read_image(file, ImagePolicy::kPillow));
  state.SetItemsProcessed(state.iterations());
}

// Arguments: width, height, the model's image size.
void preprocess_image(benchmark::State& state) {
  ThreadPool pool(1);
  PreprocessConfig config;
  const auto edge = static_cast<std::size_t>(state.range(2));
  config.shortest_edge_px = edge;
  config.crop_to = {edge, edge};
  cv::Mat rgb(static_cast<int>(state.range(1)), static_cast<int>(state.range(0)), CV_8UC3);
  cv::randu(rgb, 0, 256);
  for (auto _ : state) benchmark::DoNotOptimize(preprocess(rgb, config, pool));
  state.SetItemsProcessed(state.iterations());
}

// Arguments: images in the batch, threads.
void encode_images(benchmark::State& state) {
  ThreadPool pool(static_cast<std::size_t>(state.range(1)));
  const VisionStorage storage =
      VisionStorage::load(FileCheckpoint(kProject / "zoo/models/en-vlm"), pool);
  const VisionEncoder encoder(storage.vision_config(), storage.vision_weights());
  const std::size_t side = storage.vision_config().image_size_px;
  std::vector<PixelValues> images(static_cast<std::size_t>(state.range(0)));
  for (PixelValues& image : images) image = {Matrix<float>(3, side * side), side, side};
  for (auto _ : state) benchmark::DoNotOptimize(encoder.encode(images, -2, pool));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

BENCHMARK(decode_png)->UseRealTime();
BENCHMARK(preprocess_image)->Args({192, 160, 64})->Args({640, 480, 336})->UseRealTime();
BENCHMARK(encode_images)->Args({1, 1})->Args({64, 1})->Args({64, 2})->UseRealTime();

}  // namespace
}  // namespace vlm

BENCHMARK_MAIN();
