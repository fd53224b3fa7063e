#include "model/image_features.h"

#include <algorithm>
#include <cstddef>
#include <set>
#include <utility>

namespace vlm {
namespace {

// Pictures decoded at a time, which bounds the memory that pixels take.
constexpr std::size_t kImagesPerStep = 64;

}  // namespace

ImageFeatureCache::ImageFeatureCache(std::shared_ptr<const VisionTower> tower, ImagePolicy policy)
    : tower_(std::move(tower)), policy_(policy) {}

std::vector<ImageFeatures> ImageFeatureCache::get(std::span<const std::filesystem::path> files,
                                                  ThreadPool& pool) {
  const std::lock_guard lock(mutex_);
  std::set<std::filesystem::path> unique;
  for (const auto& file : files) {
    if (!features_.contains(file)) unique.insert(file);
  }
  const std::vector<std::filesystem::path> missing(unique.begin(), unique.end());
  for (std::size_t first = 0; first < missing.size(); first += kImagesPerStep) {
    const std::size_t count = std::min(kImagesPerStep, missing.size() - first);
    std::vector<cv::Mat> images(count);
    pool.parallel_for(count,
                      [&](std::size_t i) { images[i] = read_image(missing[first + i], policy_); });
    std::vector<Matrix<float>> encoded = tower_->encode(images, pool);
    for (std::size_t i = 0; i < count; ++i) {
      features_[missing[first + i]] = std::make_shared<const Matrix<float>>(std::move(encoded[i]));
    }
  }
  std::vector<ImageFeatures> result;
  result.reserve(files.size());
  for (const auto& file : files) result.push_back(features_.at(file));
  return result;
}

}  // namespace vlm
