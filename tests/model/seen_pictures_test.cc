// Projectors that differ behind one vision encoder, which looks at a picture once.

#include "model/seen_pictures.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include <gtest/gtest.h>

#include "checkpoint/file_checkpoint.h"
#include "model/image_features.h"
#include "tests/checkpoint/temporary_directory.h"

namespace vlm {
namespace {

const std::filesystem::path kProject = VLM_PROJECT_DIR;
const std::filesystem::path kPictures = kProject / "datasets/ja-emoji-vqa/test/images";
const std::filesystem::path kModel = kProject / "zoo/models/en-vlm";

// en-vlm with values of the projector twice as large.
class LouderProjector final : public Checkpoint {
 public:
  [[nodiscard]] const ModelConfig& config() const override { return file_.config(); }
  [[nodiscard]] const std::vector<TensorInfo>& tensors() const override { return file_.tensors(); }
  [[nodiscard]] const std::filesystem::path& directory() const override {
    return file_.directory();
  }
  void read(const TensorInfo& info, std::span<float> out) const override {
    file_.read(info, out);
    if (!info.name.starts_with("projector/")) return;
    std::ranges::transform(out, out.begin(), [](float value) { return 2 * value; });
  }

 private:
  FileCheckpoint file_{kModel};
};

class SeenPictures : public testing::Test {
 protected:
  [[nodiscard]] ImageFeatures features(const std::shared_ptr<const VisionTower>& eyes,
                                       const std::filesystem::path& file, SeenPictureCache* seen) {
    ImageFeatureCache images(eyes, ImagePolicy::kPillow, ImageFeatureCache::kHeldBytes, seen);
    return images.get(std::vector{file}, pool).at(0);
  }

  ThreadPool pool{2};
  FileCheckpoint checkpoint{kModel};
  LouderProjector louder;
  std::shared_ptr<const VisionStorage> encoder =
      std::make_shared<const VisionStorage>(VisionStorage::load(checkpoint, pool));
  std::shared_ptr<VisionTower> tower = std::make_shared<VisionTower>(encoder, checkpoint, pool);
};

TEST_F(SeenPictures, AProjectorBehindASharedEncoderSeesAsAWholeTowerDoes) {
  const std::filesystem::path file = kPictures / "t0000.png";
  const ImageFeatures shared = features(tower, file, nullptr);
  const auto whole = std::make_shared<const VisionTower>(checkpoint, pool);
  EXPECT_TRUE(std::ranges::equal(shared->values(), features(whole, file, nullptr)->values()));
}

TEST_F(SeenPictures, AnotherProjectorNeedsNoPictureAgain) {
  const TemporaryDirectory folder;
  const std::filesystem::path file = folder.path() / "picture.png";
  std::filesystem::copy(kPictures / "t0000.png", file);
  const auto whole = std::make_shared<const VisionTower>(louder, pool);
  const ImageFeatures expected = features(whole, file, nullptr);
  SeenPictureCache seen(std::size_t{1} << 30U);
  const ImageFeatures first = features(tower, file, &seen);
  EXPECT_FALSE(std::ranges::equal(first->values(), expected->values()));
  std::filesystem::remove(file);
  tower->refill(louder, pool);
  EXPECT_TRUE(std::ranges::equal(features(tower, file, &seen)->values(), expected->values()));
}

TEST_F(SeenPictures, WhatHasNoRoomIsSeenAgain) {
  SeenPictureCache seen(tower->look(tower->preprocess(cv::Mat(9, 9, CV_8UC3), pool), pool)
                            .size_bytes());  // of one picture
  const std::filesystem::path kept = kPictures / "t0000.png";
  const std::filesystem::path other = kPictures / "t0001.png";
  const ImageFeatures first = features(tower, kept, &seen);
  const ImageFeatures second = features(tower, other, &seen);
  EXPECT_NE(seen.find(kept), nullptr);
  EXPECT_EQ(seen.find(other), nullptr);
  EXPECT_TRUE(std::ranges::equal(features(tower, kept, &seen)->values(), first->values()));
  EXPECT_TRUE(std::ranges::equal(features(tower, other, &seen)->values(), second->values()));
}

TEST_F(SeenPictures, ARefilledTowerOfItsOwnSeesAsTheOtherModel) {
  const std::filesystem::path file = kPictures / "t0000.png";
  const auto whole = std::make_shared<VisionTower>(checkpoint, pool);
  whole->refill(louder, pool);
  const auto expected = std::make_shared<const VisionTower>(louder, pool);
  EXPECT_TRUE(std::ranges::equal(features(whole, file, nullptr)->values(),
                                 features(expected, file, nullptr)->values()));
}

}  // namespace
}  // namespace vlm
