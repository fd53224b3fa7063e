#pragma once

// The features of picture files, computed once while they fit into memory. A search asks the same
// pictures of every candidate.

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "core/thread_pool.h"
#include "model/seen_pictures.h"
#include "model/vision_tower.h"
#include "tensor/matrix.h"
#include "vision/image.h"

namespace vlm {

using ImageFeatures = std::shared_ptr<const Matrix<float>>;  // [features, text_hidden]

// Thread-safe.
class ImageFeatureCache {
 public:
  static constexpr std::size_t kHeldBytes = std::size_t{4} << 30U;
  // Views in memory at a time, unless a single picture has more.
  static constexpr std::size_t kViewsPerStep = 64;

  // The first features that have room in `held_bytes` are kept, those of further pictures are
  // computed each time. Pictures that `seen` keeps are only projected, others are offered to it; it
  // may be null, has the pictures of the tower's encoder alone, and outlives this object.
  explicit ImageFeatureCache(std::shared_ptr<const VisionTower> tower,
                             ImagePolicy policy = ImagePolicy::kPillow,
                             std::size_t held_bytes = kHeldBytes, SeenPictureCache* seen = nullptr);

  // The features of each file, in order. Files not kept are read and encoded over the pool.
  // Throws what read_image() throws; features computed before stay.
  std::vector<ImageFeatures> get(std::span<const std::filesystem::path> files, ThreadPool& pool);
  // Pictures whose features take half of the held bytes at most, whatever their sizes; at least 1.
  [[nodiscard]] std::size_t pictures_at_a_time() const;

 private:
  // The features of each of `files`, all in work at a time.
  [[nodiscard]] std::vector<ImageFeatures> compute(std::span<const std::filesystem::path> files,
                                                   ThreadPool& pool) const;
  void keep(const std::filesystem::path& file, const ImageFeatures& features);

  std::shared_ptr<const VisionTower> tower_;
  ImagePolicy policy_;
  std::size_t free_bytes_;
  std::size_t pictures_at_a_time_;
  SeenPictureCache* seen_;
  std::mutex mutex_;
  std::map<std::filesystem::path, ImageFeatures> features_;
};

}  // namespace vlm
