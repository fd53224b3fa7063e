#include "model/image_features.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace vlm {
ImageFeatureCache::ImageFeatureCache(std::shared_ptr<const VisionTower> tower, ImagePolicy policy,
                                     std::size_t held_bytes)
    : tower_(std::move(tower)),
      policy_(policy),
      free_bytes_(held_bytes),
      pictures_at_a_time_(
          std::max<std::size_t>(1, held_bytes / 2 / tower_->max_bytes_per_picture())) {}

std::vector<ImageFeatures> ImageFeatureCache::get(std::span<const std::filesystem::path> files,
                                                  ThreadPool& pool) {
  const std::lock_guard lock(mutex_);
  std::map<std::filesystem::path, ImageFeatures> found;
  std::vector<std::filesystem::path> missing;
  for (const auto& file : files) {
    const auto kept = features_.find(file);
    const bool is_kept = kept != features_.end();
    if (found.emplace(file, is_kept ? kept->second : nullptr).second && !is_kept) {
      missing.push_back(file);
    }
  }
  const std::size_t step = std::max<std::size_t>(1, kViewsPerStep / tower_->max_views());
  for (std::size_t first = 0; first < missing.size(); first += step) {
    const std::size_t count = std::min(step, missing.size() - first);
    std::vector<PictureViews> pictures(count);
    pool.parallel_for(count, [&](std::size_t i) {
      pictures[i] = tower_->preprocess(read_image(missing[first + i], policy_), pool);
    });
    std::vector<Matrix<float>> encoded = tower_->encode(pictures, pool);
    for (std::size_t i = 0; i < count; ++i) {
      ImageFeatures& features = found[missing[first + i]];
      features = std::make_shared<const Matrix<float>>(std::move(encoded[i]));
      keep(missing[first + i], features);
    }
  }
  std::vector<ImageFeatures> result;
  result.reserve(files.size());
  for (const auto& file : files) result.push_back(found.at(file));
  return result;
}

std::size_t ImageFeatureCache::pictures_at_a_time() const {
  return pictures_at_a_time_;
}

void ImageFeatureCache::keep(const std::filesystem::path& file, const ImageFeatures& features) {
  const std::size_t bytes = features->size() * sizeof(float);
  if (bytes > free_bytes_) return;
  features_.emplace(file, features);
  free_bytes_ -= bytes;
}

}  // namespace vlm
