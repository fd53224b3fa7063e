// Vision towers and projectors with bfloat16 and int8 weights against themselves in float32.
// tests/data/vision/weight_errors.json holds how far transformers with such weights is from itself
// in float32.

#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "checkpoint/file_checkpoint.h"
#include "model/projector_storage.h"
#include "model/vision_storage.h"
#include "tests/model/format_errors.h"
#include "tests/model/golden_tower.h"
#include "tests/relative_error.h"
#include "vision/vision_encoder.h"

namespace vlm {
namespace {

const std::filesystem::path kProject = VLM_PROJECT_DIR;

Json golden_errors() {
  return read_json_file(std::filesystem::path(VLM_TEST_DATA) / "vision/weight_errors.json");
}

std::unique_ptr<Checkpoint> open_tower(const std::filesystem::path& folder) {
  const Json config = read_json_file(folder / "config.json");
  if (config.contains("vision_config")) return std::make_unique<FileCheckpoint>(folder);
  return std::make_unique<TowerCheckpoint>(folder);
}

struct TowerRun {
  std::vector<Matrix<float>> layers;  // hidden states behind the blocks, all pictures
  Matrix<float> projected;
};

class VisionFormatGolden : public ::testing::TestWithParam<std::string> {
 protected:
  TowerRun run(WeightFormat format, ThreadPool& pool) {
    const VisionStorage storage = VisionStorage::load(*checkpoint_, pool, format);
    const ProjectorStorage projector = ProjectorStorage::load(*checkpoint_, pool, format);
    const ProjectorConfig projector_config = projector_config_of(*checkpoint_);
    const VisionConfig& config = storage.vision_config();
    const VisionEncoder encoder(config, storage.vision_weights());
    const SafetensorsFile golden(kProject / golden_["pictures"].get<std::string>());
    const auto images = split_images(floats_of(golden, "pixel_values"), config.image_size_px);
    TowerRun run;
    for (std::size_t block = 1; block <= storage.vision_weights().blocks.size(); ++block) {
      run.layers.push_back(encoder.encode(images, static_cast<int>(block), pool));
    }
    const Matrix<float> selected =
        select_features(run.layers.back().view(), config.num_tokens(), projector_config.selection);
    run.projected =
        project(selected.view(), projector.weights(), projector_config.activation, pool);
    return run;
  }

  // Of each block and, last, of the projected features if the model is a LLaVA.
  std::vector<double> errors(WeightFormat format) {
    ThreadPool pool(2);
    const TowerRun exact = run(WeightFormat::kFloat32, pool);
    const TowerRun found = run(format, pool);
    std::vector<double> errors;
    for (std::size_t i = 0; i < exact.layers.size(); ++i) {
      errors.push_back(relative_error(found.layers[i].values(), exact.layers[i].values()));
    }
    if (golden_["bfloat16"].contains("projected")) {
      errors.push_back(relative_error(found.projected.values(), exact.projected.values()));
    }
    return errors;
  }

  [[nodiscard]] std::vector<double> their_errors(const char* format) const {
    auto errors = golden_[format]["layers"].get<std::vector<double>>();
    if (golden_[format].contains("projected")) {
      errors.push_back(golden_[format]["projected"].get<double>());
    }
    return errors;
  }

  Json golden_ = golden_errors()["models"][GetParam()];
  std::unique_ptr<Checkpoint> checkpoint_ = open_tower(kProject / GetParam());
};

TEST_P(VisionFormatGolden, Bfloat16ErrsAtMostThriceAsMuchAsTransformers) {
  expect_at_most_thrice(errors(WeightFormat::kBfloat16), their_errors("bfloat16"));
}

TEST_P(VisionFormatGolden, Int8ErrsAsMuchAsTransformersWithTheSameSteps) {
  expect_as_with_the_same_steps(errors(WeightFormat::kInt8), their_errors("int8"),
                                their_errors("bfloat16"));
}

TEST_P(VisionFormatGolden, ThreadsDoNotChangeABit) {
  ThreadPool one(1);
  ThreadPool three(3);
  for (const WeightFormat format :
       {WeightFormat::kFloat32, WeightFormat::kBfloat16, WeightFormat::kInt8}) {
    const Matrix<float> a = run(format, one).projected;
    const Matrix<float> b = run(format, three).projected;
    ASSERT_EQ(a.size(), b.size());
    EXPECT_EQ(std::memcmp(a.values().data(), b.values().data(), a.values().size_bytes()), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Towers, VisionFormatGolden,
                         ::testing::Values("tests/data/vision/clip", "tests/data/vision/siglip",
                                           "tests/data/vision/llava15", "zoo/models/en-vlm"),
                         [](const auto& test_case) {
                           std::string name =
                               std::filesystem::path(test_case.param).filename().string();
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST(VisionWeightFormat, IsTheLanguageModelsButNeverInt8) {
  EXPECT_EQ(vision_weight_format(WeightFormat::kFloat32), WeightFormat::kFloat32);
  EXPECT_EQ(vision_weight_format(WeightFormat::kBfloat16), WeightFormat::kBfloat16);
  EXPECT_EQ(vision_weight_format(WeightFormat::kInt8), WeightFormat::kBfloat16);
}

}  // namespace
}  // namespace vlm
