// The whole path from pixels to projected features against transformers (fp32): the tiny towers of
// tests/data/vision (transformers 5.23 and 4.38.2 agree to 7e-7) and the bundled VLM.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "checkpoint/file_checkpoint.h"
#include "checkpoint/safetensors.h"
#include "core/error.h"
#include "core/json_fields.h"
#include "model/projector_storage.h"
#include "model/vision_storage.h"
#include "tests/model/golden_tower.h"
#include "vision/image.h"
#include "vision/preprocess.h"
#include "vision/vision_encoder.h"

namespace vlm {
namespace {

const std::filesystem::path kData = VLM_TEST_DATA;
const std::filesystem::path kProject = VLM_PROJECT_DIR;
constexpr float kHiddenTolerance = 1e-5F;

float max_difference(std::span<const float> a, std::span<const float> b) {
  EXPECT_EQ(a.size(), b.size());
  float largest = a.size() == b.size() ? 0.0F : INFINITY;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    largest = std::max(largest, std::abs(a[i] - b[i]));
  }
  return largest;
}

std::string message_of(const Checkpoint& checkpoint) {
  ThreadPool pool(1);
  try {
    const VisionStorage storage = VisionStorage::load(checkpoint, pool);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

class VisionGoldenTower : public testing::TestWithParam<std::string> {};

TEST_P(VisionGoldenTower, EveryHiddenStateIsEqual) {
  ThreadPool pool(2);
  const std::filesystem::path folder = kData / "vision" / GetParam();
  const VisionStorage storage = VisionStorage::load(TowerCheckpoint(folder), pool);
  const SafetensorsFile golden(folder / "tensors.safetensors");
  const VisionEncoder encoder(storage.vision_config(), storage.vision_weights());
  const auto images = split_images(floats_of(golden, "pixel_values"), 32);
  std::size_t seen = 0;
  const Matrix<float> last = encoder.encode(images, -1, pool, [&](const VisionHiddenState& state) {
    const std::string name = "hidden_" + std::to_string(state.layer);
    const std::size_t size = state.values.rows() * state.values.cols();
    const std::vector<float> expected = floats_of(golden, name);
    const float difference = max_difference({state.values.data(), size},
                                            std::span(expected).subspan(state.image * size, size));
    EXPECT_LT(difference, kHiddenTolerance) << name;
    RecordProperty(name + "_" + std::to_string(state.image), std::to_string(difference));
    ++seen;
  });
  EXPECT_EQ(seen, 2U * 4U);
  EXPECT_LT(max_difference(last.values(), floats_of(golden, "hidden_3")), kHiddenTolerance);
}

INSTANTIATE_TEST_SUITE_P(Tiny, VisionGoldenTower, testing::Values("clip", "siglip"));

TEST(VisionGolden, TinyLlavaProjectedFeatures) {
  ThreadPool pool(2);
  const FileCheckpoint checkpoint(kData / "vision/llava15");
  const VisionStorage storage = VisionStorage::load(checkpoint, pool);
  const ProjectorStorage projector = ProjectorStorage::load(checkpoint, pool);
  const ProjectorConfig config = projector_config_of(checkpoint);
  const SafetensorsFile golden(kData / "vision/llava15/tensors.safetensors");
  const VisionEncoder encoder(storage.vision_config(), storage.vision_weights());
  const auto images = split_images(floats_of(golden, "pixel_values"), 32);
  const Matrix<float> hidden = encoder.encode(images, config.vision_feature_layer, pool);
  EXPECT_LT(max_difference(hidden.values(), floats_of(golden, "vision_hidden_penultimate")),
            kHiddenTolerance);
  const Matrix<float> features =
      select_features(hidden.view(), storage.vision_config().num_tokens(), config.selection);
  const Matrix<float> projected =
      project(features.view(), projector.weights(), config.activation, pool);
  EXPECT_LT(max_difference(projected.values(), floats_of(golden, "projected")), kHiddenTolerance);
}

// Values of these features go up to `largest`; float32 sums over 6 blocks stay within 1e-5 of that.
float relative_difference(std::span<const float> a, std::span<const float> b) {
  float largest = 1.0F;
  for (const float value : b) largest = std::max(largest, std::abs(value));
  return max_difference(a, b) / largest;
}

TEST(VisionGolden, BundledVlmFromPictureFileToProjectedFeatures) {
  ThreadPool pool(2);
  const std::filesystem::path model = kProject / "zoo/models/en-vlm";
  const FileCheckpoint checkpoint(model);
  const VisionStorage storage = VisionStorage::load(checkpoint, pool);
  const ProjectorStorage projector = ProjectorStorage::load(checkpoint, pool);
  const ProjectorConfig config = projector_config_of(checkpoint);
  const Json processor = read_json_file(model / "preprocessor_config.json");
  const auto preprocessing =
      PreprocessConfig::from_json(JsonFields(processor, "preprocessor_config.json"));
  const VisionEncoder encoder(storage.vision_config(), storage.vision_weights());
  int compared = 0;
  const Json cases = read_json_file(kData / "zoo_golden/golden.json");
  for (const Json& example : cases.at("cases")) {
    if (!example.contains("image")) continue;
    const auto id = example.at("id").get<std::string>();
    const SafetensorsFile golden(kData / "zoo_golden" / (id + ".safetensors"));
    const cv::Mat rgb =
        read_image(kProject / example.at("image").get<std::string>(), ImagePolicy::kPillow);
    std::vector<PixelValues> pixels;
    pixels.push_back(preprocess(rgb, preprocessing, pool));
    EXPECT_EQ(max_difference(pixels[0].values.values(), floats_of(golden, "pixel_values")), 0.0F)
        << id;
    const Matrix<float> hidden = encoder.encode(pixels, config.vision_feature_layer, pool);
    const Matrix<float> features =
        select_features(hidden.view(), storage.vision_config().num_tokens(), config.selection);
    const float feature_difference =
        relative_difference(features.values(), floats_of(golden, "vision_features"));
    EXPECT_LT(feature_difference, kHiddenTolerance) << id;
    const Matrix<float> projected =
        project(features.view(), projector.weights(), config.activation, pool);
    const float projected_difference =
        relative_difference(projected.values(), floats_of(golden, "projected"));
    EXPECT_LT(projected_difference, kHiddenTolerance) << id;
    RecordProperty(id + "_features", std::to_string(feature_difference));
    RecordProperty(id + "_projected", std::to_string(projected_difference));
    ++compared;
  }
  EXPECT_EQ(compared, 5);
}

TEST(VisionStorage, NamesAMissingTensor) {
  TowerCheckpoint checkpoint(kData / "vision/clip");
  checkpoint.remove("vision/encoder.layers.1.mlp.fc2.bias");
  EXPECT_EQ(message_of(checkpoint), "missing tensor: " + checkpoint.config().where +
                                        ": vision/encoder.layers.1.mlp.fc2.bias");
}

TEST(VisionStorage, NamesATensorOfAnotherShape) {
  TowerCheckpoint checkpoint(kData / "vision/clip");
  checkpoint.reshape("vision/embeddings.position_embedding.weight", {50, 32});
  EXPECT_EQ(message_of(checkpoint),
            "tensor of another shape than the config says: " + checkpoint.config().where +
                ": vision/embeddings.position_embedding.weight is [50, 32], expected [17, 32]");
}

TEST(VisionStorage, LeavesOutBlocksBehindTheFeatureLayer) {
  TowerCheckpoint checkpoint(kData / "vision/clip");
  checkpoint.mutable_config().json["vision_feature_layer"] = -2;
  checkpoint.remove("vision/encoder.layers.2.mlp.fc2.bias");
  ThreadPool pool(1);
  EXPECT_EQ(VisionStorage::load(checkpoint, pool).vision_weights().blocks.size(), 2U);
}

TEST(VisionStorage, RefusesATextModel) {
  const FileCheckpoint checkpoint(kProject / "zoo/models/base-lm");
  EXPECT_NE(message_of(checkpoint).find("no vision tower: "), std::string::npos);
}

}  // namespace
}  // namespace vlm
