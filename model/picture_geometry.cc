#include "model/picture_geometry.h"

#include <algorithm>
#include <string>

#include "core/error.h"
#include "core/json_fields.h"

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

// "default" drops the first token, whatever it is; transformers does so with SigLIP, too.
std::size_t features_of(const VisionConfig& vision, FeatureSelection selection) noexcept {
  return vision.num_tokens() - (selection == FeatureSelection::kAll ? 0 : 1);
}

void check_selection(const VisionConfig& vision, FeatureSelection selection,
                     const std::string& where) {
  const std::size_t features = features_of(vision, selection);
  if (features == vision.num_patches()) return;
  throw Error(ErrorCode::kUnsupported, "tiles need one feature for each patch: " + where +
                                           ": vision_feature_select_strategy leaves " +
                                           std::to_string(features) + " of " +
                                           std::to_string(vision.num_patches()) + " patches");
}

}  // namespace

PictureGeometry::PictureGeometry(const Checkpoint& checkpoint)
    : PictureGeometry(checkpoint.config(),
                      read_image_processor(checkpoint.image_processor_directory())) {}

PictureGeometry::PictureGeometry(const ModelConfig& config, const ImageProcessorJson& processor)
    : vision_(VisionConfig::from_json(config.vision())),
      projector_(ProjectorConfig::from_json(JsonFields(config.json, config.where))),
      preprocess_(PreprocessConfig::from_json({processor.json, processor.where})) {
  if (config.family != ModelFamily::kLlavaNext) return;
  any_resolution_ =
      AnyResolutionConfig::from_json(JsonFields(config.json, config.where), vision_.image_size_px);
  check_views_agree(*any_resolution_, preprocess_, {processor.json, processor.where});
  check_selection(vision_, projector_.selection, config.where);
}

PictureViews PictureGeometry::preprocess(const cv::Mat& rgb, ThreadPool& pool) const {
  PictureViews picture{{static_cast<std::size_t>(rgb.rows), static_cast<std::size_t>(rgb.cols)},
                       {}};
  if (any_resolution_) {
    picture.views = preprocess_views(rgb, *any_resolution_, preprocess_, pool);
  } else {
    picture.views.push_back(vlm::preprocess(rgb, preprocess_, pool));
  }
  return picture;
}

std::size_t PictureGeometry::num_views(ImageSize picture) const {
  return any_resolution_ ? any_resolution_->num_views(picture) : 1;
}

std::size_t PictureGeometry::max_views() const {
  return any_resolution_ ? any_resolution_->max_views() : 1;
}

std::size_t PictureGeometry::features_per_view() const noexcept {
  return features_of(vision_, projector_.selection);
}

TileLayout PictureGeometry::tile_layout(ImageSize picture) const {
  const ImageSize canvas = any_resolution_->best_canvas(picture);
  return {.view_side = vision_.image_size_px / vision_.patch_size_px,
          .tile_rows = canvas.height_px / any_resolution_->view_px,
          .tile_columns = canvas.width_px / any_resolution_->view_px,
          .picture_height_px = picture.height_px,
          .picture_width_px = picture.width_px};
}

std::size_t PictureGeometry::max_rows() const {
  std::size_t rows = features_per_view();
  if (!any_resolution_) return rows;
  for (const ImageSize& canvas : any_resolution_->canvases) {  // filled to its edges
    rows = std::max(rows, packed_rows(tile_layout(canvas)));
  }
  return rows;
}

}  // namespace vlm
