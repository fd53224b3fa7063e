#include "model/vision_tower.h"

#include <string>
#include <utility>

#include "core/error.h"
#include "projector/projector.h"

namespace vlm {

VisionTower::VisionTower(const Checkpoint& checkpoint, ThreadPool& pool, WeightFormat format)
    : geometry_(checkpoint),
      own_vision_(std::make_shared<VisionStorage>(
          VisionStorage::load(checkpoint, pool, vision_weight_format(format)))),
      vision_(own_vision_),
      projector_(ProjectorStorage::load(checkpoint, pool, vision_weight_format(format))),
      encoder_(vision_->vision_config(), vision_->vision_weights()) {}

VisionTower::VisionTower(std::shared_ptr<const VisionStorage> shared, const Checkpoint& checkpoint,
                         ThreadPool& pool, WeightFormat format)
    : geometry_(checkpoint),
      vision_(std::move(shared)),
      projector_(ProjectorStorage::load(checkpoint, pool, vision_weight_format(format))),
      encoder_(vision_->vision_config(), vision_->vision_weights()) {}

void VisionTower::refill(const Checkpoint& checkpoint, ThreadPool& pool) {
  if (own_vision_) own_vision_->refill(checkpoint, pool);
  projector_.refill(checkpoint, pool);
}

PictureViews VisionTower::preprocess(const cv::Mat& rgb, ThreadPool& pool) const {
  return geometry_.preprocess(rgb, pool);
}

std::vector<Matrix<float>> VisionTower::encode(std::span<const PictureViews> pictures,
                                               ThreadPool& pool) const {
  std::vector<Matrix<float>> rows(pictures.size());
  for_each_picture(pictures.size(), pool, [&](std::size_t i) {
    rows[i] = pack(project(look(pictures[i], pool), pool), pictures[i].size);
  });
  return rows;
}

SeenPicture VisionTower::look(const PictureViews& picture, ThreadPool& pool,
                              const VisionObserver& observer) const {
  const std::size_t expected = geometry_.num_views(picture.size);
  if (picture.views.size() != expected) {
    throw Error(ErrorCode::kInvalidArgument,
                "a picture of " + std::to_string(picture.size.width_px) + "x" +
                    std::to_string(picture.size.height_px) + " px has " + std::to_string(expected) +
                    " views: " + std::to_string(picture.views.size()) + " given");
  }
  const ProjectorConfig& config = geometry_.projector();
  const Matrix<float> hidden =
      encoder_.encode(picture.views, config.vision_feature_layer, pool, observer);
  return {picture.size,
          select_features(hidden.view(), geometry_.vision().num_tokens(), config.selection)};
}

Matrix<float> VisionTower::project(const SeenPicture& picture, ThreadPool& pool) const {
  return vlm::project(picture.hidden.view(), projector_.weights(), geometry_.projector().activation,
                      pool);
}

Matrix<float> VisionTower::pack(Matrix<float> projected, ImageSize picture) const {
  if (!geometry_.tiles_pictures()) return projected;
  return pack_tiles(projected.view(), geometry_.tile_layout(picture), projector_.image_newline());
}

std::size_t VisionTower::max_bytes_per_picture() const {
  return geometry_.max_rows() * projector_.weights().output_width() * sizeof(float);
}

}  // namespace vlm
