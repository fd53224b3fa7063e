#include "model/image_features.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace vlm {
ImageFeatureCache::ImageFeatureCache(std::shared_ptr<const VisionTower> tower, ImagePolicy policy,
                                     std::size_t held_bytes, SeenPictureCache* seen)
    : tower_(std::move(tower)),
      policy_(policy),
      free_bytes_(held_bytes),
      pictures_at_a_time_(
          std::max<std::size_t>(1, held_bytes / 2 / tower_->max_bytes_per_picture())),
      seen_(seen) {}

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
  const std::size_t step = std::max<std::size_t>(1, kViewsPerStep / tower_->geometry().max_views());
  for (std::size_t first = 0; first < missing.size(); first += step) {
    const auto part = std::span(missing).subspan(first, std::min(step, missing.size() - first));
    const std::vector<ImageFeatures> computed = compute(part, pool);
    for (std::size_t i = 0; i < part.size(); ++i) {
      found[part[i]] = computed[i];
      keep(part[i], computed[i]);
    }
  }
  std::vector<ImageFeatures> result;
  result.reserve(files.size());
  for (const auto& file : files) result.push_back(found.at(file));
  return result;
}

std::vector<ImageFeatures> ImageFeatureCache::compute(std::span<const std::filesystem::path> files,
                                                      ThreadPool& pool) const {
  std::vector<std::shared_ptr<const SeenPicture>> seen(files.size());
  if (seen_ != nullptr) {
    for (std::size_t i = 0; i < files.size(); ++i) seen[i] = seen_->find(files[i]);
  }
  std::vector<PictureViews> pictures(files.size());
  pool.parallel_for(files.size(), [&](std::size_t i) {
    if (!seen[i]) pictures[i] = tower_->preprocess(read_image(files[i], policy_), pool);
  });
  std::vector<ImageFeatures> features(files.size());
  for_each_picture(files.size(), pool, [&](std::size_t i) {
    const bool is_new = seen[i] == nullptr;
    if (is_new) seen[i] = std::make_shared<const SeenPicture>(tower_->look(pictures[i], pool));
    features[i] = std::make_shared<const Matrix<float>>(
        tower_->pack(tower_->project(*seen[i], pool), seen[i]->size));
    if (is_new && seen_ != nullptr) seen_->offer(files[i], seen[i]);
    seen[i].reset();
  });
  return features;
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
