#include "model/vision_tower.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/error.h"
#include "core/json_fields.h"
#include "projector/projector.h"

namespace vlm {
namespace {

std::string size_text(ImageSize size) {
  return std::to_string(size.width_px) + "x" + std::to_string(size.height_px);
}

// The image processor cuts the tiles, the model puts their features together again.
void check_views_agree(const AnyResolutionConfig& tiles, const PreprocessConfig& preprocess,
                       const JsonFields& processor) {
  const ImageSize view{tiles.view_px, tiles.view_px};
  const std::size_t edge = preprocess.shortest_edge_px.value_or(preprocess.resize_to.height_px);
  if (!preprocess.do_resize || edge != tiles.view_px || preprocess.crop_to != view) {
    throw Error(ErrorCode::kUnsupported, "tiles of another size than the vision tower's " +
                                             size_text(view) + " px: " + processor.where() +
                                             ": size " + std::to_string(edge) + ", crop_size " +
                                             size_text(preprocess.crop_to));
  }
  if (!processor.has("image_grid_pinpoints")) return;
  if (AnyResolutionConfig::from_json(processor, tiles.view_px).canvases != tiles.canvases) {
    throw Error(ErrorCode::kCorruptFile,
                "image_grid_pinpoints differ from those of config.json: " + processor.where() +
                    ": " + json_line(processor.json().at("image_grid_pinpoints")));
  }
}

void check_selection(const VisionStorage& storage, const std::string& where) {
  if (storage.features_per_view() == storage.vision_config().num_patches()) return;
  throw Error(ErrorCode::kUnsupported, "tiles need one feature for each patch: " + where +
                                           ": vision_feature_select_strategy leaves " +
                                           std::to_string(storage.features_per_view()) + " of " +
                                           std::to_string(storage.vision_config().num_patches()) +
                                           " patches");
}

std::optional<AnyResolutionConfig> read_any_resolution(const VisionStorage& storage,
                                                       const PreprocessConfig& preprocess,
                                                       const JsonFields& processor,
                                                       const ModelConfig& config) {
  if (config.family != ModelFamily::kLlavaNext) return std::nullopt;
  auto tiles = AnyResolutionConfig::from_json(JsonFields(config.json, config.where),
                                              storage.vision_config().image_size_px);
  check_views_agree(tiles, preprocess, processor);
  check_selection(storage, config.where);
  return tiles;
}

}  // namespace

VisionTower::VisionTower(const Checkpoint& checkpoint, ThreadPool& pool, WeightFormat format)
    : VisionTower(checkpoint, read_image_processor(checkpoint.image_processor_directory()), pool,
                  format) {}

VisionTower::VisionTower(const Checkpoint& checkpoint, const ImageProcessorJson& processor,
                         ThreadPool& pool, WeightFormat format)
    : storage_(VisionStorage::load(checkpoint, pool, vision_weight_format(format))),
      preprocess_(PreprocessConfig::from_json({processor.json, processor.where})),
      any_resolution_(read_any_resolution(storage_, preprocess_, {processor.json, processor.where},
                                          checkpoint.config())),
      encoder_(storage_.vision_config(), storage_.vision_weights()) {}

PictureViews VisionTower::preprocess(const cv::Mat& rgb, ThreadPool& pool) const {
  PictureViews picture{{static_cast<std::size_t>(rgb.rows), static_cast<std::size_t>(rgb.cols)},
                       {}};
  if (any_resolution_) {
    picture.views = preprocess_views(rgb, *any_resolution_, preprocess_, pool);
  } else {
    picture.views.push_back(vlm::preprocess(rgb, preprocess_, pool));
  }
  return picture;
}

std::vector<Matrix<float>> VisionTower::encode(std::span<const PictureViews> pictures,
                                               ThreadPool& pool) const {
  std::vector<Matrix<float>> rows(pictures.size());
  const auto encode_one = [&](std::size_t i) {
    rows[i] = pack(project_views(pictures[i], pool), pictures[i].size);
  };
  if (pictures.size() < pool.num_threads()) {  // the threads share the views of each picture
    for (std::size_t i = 0; i < pictures.size(); ++i) encode_one(i);
  } else {
    pool.parallel_for(pictures.size(), encode_one);
  }
  return rows;
}

Matrix<float> VisionTower::project_views(const PictureViews& picture, ThreadPool& pool,
                                         const VisionObserver& observer) const {
  const std::size_t expected = num_views(picture.size);
  if (picture.views.size() != expected) {
    throw Error(ErrorCode::kInvalidArgument,
                "a picture of " + size_text(picture.size) + " px has " + std::to_string(expected) +
                    " views: " + std::to_string(picture.views.size()) + " given");
  }
  const ProjectorConfig& config = storage_.projector_config();
  const Matrix<float> hidden =
      encoder_.encode(picture.views, config.vision_feature_layer, pool, observer);
  const Matrix<float> selected =
      select_features(hidden.view(), storage_.vision_config().num_tokens(), config.selection);
  return project(selected.view(), storage_.projector_weights(), config.activation, pool);
}

Matrix<float> VisionTower::pack(Matrix<float> projected, ImageSize picture) const {
  if (!any_resolution_) return projected;
  return pack_tiles(projected.view(), tile_layout(picture), storage_.image_newline());
}

TileLayout VisionTower::tile_layout(ImageSize picture) const {
  const ImageSize canvas = any_resolution_->best_canvas(picture);
  const VisionConfig& vision = storage_.vision_config();
  return {.view_side = vision.image_size_px / vision.patch_size_px,
          .tile_rows = canvas.height_px / any_resolution_->view_px,
          .tile_columns = canvas.width_px / any_resolution_->view_px,
          .picture_height_px = picture.height_px,
          .picture_width_px = picture.width_px};
}

std::size_t VisionTower::num_views(ImageSize picture) const {
  return any_resolution_ ? any_resolution_->num_views(picture) : 1;
}

std::size_t VisionTower::max_views() const {
  return any_resolution_ ? any_resolution_->max_views() : 1;
}

std::size_t VisionTower::max_bytes_per_picture() const {
  std::size_t rows = storage_.features_per_view();
  if (any_resolution_) {
    for (const ImageSize& canvas : any_resolution_->canvases) {  // filled to its edges
      rows = std::max(rows, packed_rows(tile_layout(canvas)));
    }
  }
  return rows * storage_.projector_weights().output_width() * sizeof(float);
}

}  // namespace vlm
