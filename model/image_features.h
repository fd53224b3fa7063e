#pragma once

// The features of picture files, computed once. A search asks the same pictures of every candidate.

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "core/thread_pool.h"
#include "model/vision_tower.h"
#include "tensor/matrix.h"
#include "vision/image.h"

namespace vlm {

using ImageFeatures = std::shared_ptr<const Matrix<float>>;  // [features_per_image, text_hidden]

// Thread-safe.
class ImageFeatureCache {
 public:
  explicit ImageFeatureCache(std::shared_ptr<const VisionTower> tower,
                             ImagePolicy policy = ImagePolicy::kPillow);

  // The features of each file, in order. Files not seen before are read and encoded over the pool.
  // Throws what read_image() throws; features computed before stay.
  std::vector<ImageFeatures> get(std::span<const std::filesystem::path> files, ThreadPool& pool);

 private:
  std::shared_ptr<const VisionTower> tower_;
  ImagePolicy policy_;
  std::mutex mutex_;
  std::map<std::filesystem::path, ImageFeatures> features_;
};

}  // namespace vlm
