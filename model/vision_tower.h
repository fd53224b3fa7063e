#pragma once

// Pictures to rows of the language model's embedding space: preprocessing, vision encoder, feature
// selection, projector, packing of tiles.

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include <opencv2/core/mat.hpp>

#include "checkpoint/checkpoint.h"
#include "core/thread_pool.h"
#include "model/picture_geometry.h"
#include "model/projector_storage.h"
#include "model/vision_storage.h"
#include "tensor/matrix.h"
#include "vision/vision_encoder.h"

namespace vlm {

// What the vision encoder sees in a picture: the hidden states that the projector takes.
struct SeenPicture {
  ImageSize size;        // of the picture before preprocessing
  Matrix<float> hidden;  // [views * features_per_view, vision_hidden]

  [[nodiscard]] std::size_t size_bytes() const { return hidden.size() * sizeof(float); }
};

// May be used by several threads, each with a pool of its own, but not during refill().
class VisionTower {
 public:
  // Reads vision/ and projector/ tensors and the image processor. `format` is that of the language
  // model; the tower has vision_weight_format(format). REQUIRES: a vision-language model.
  // Throws Error{kCorruptFile, kNotFound, kUnsupported}.
  VisionTower(const Checkpoint& checkpoint, ThreadPool& pool,
              WeightFormat format = WeightFormat::kFloat32);
  // Reads projector/ tensors and the image processor alone. REQUIRES: a tower of that format and of
  // a checkpoint of the same config.
  VisionTower(std::shared_ptr<const VisionStorage> shared, const Checkpoint& checkpoint,
              ThreadPool& pool, WeightFormat format = WeightFormat::kFloat32);

  // Replaces what it does not share by the values of another checkpoint of the same config,
  // reading only what differs (StoredTensors::fill()). Throws as the constructor; the values are
  // then undefined until it succeeds.
  void refill(const Checkpoint& checkpoint, ThreadPool& pool);

  // `rgb`: CV_8UC3, R first. Throws as resize_within_limit().
  [[nodiscard]] PictureViews preprocess(const cv::Mat& rgb, ThreadPool& pool) const;
  // The rows that stand for each picture in a prompt, [features, text_hidden]. A picture's rows do
  // not depend on the pictures beside it. Throws Error{kInvalidArgument} for views of another
  // number or size than the model takes.
  [[nodiscard]] std::vector<Matrix<float>> encode(std::span<const PictureViews> pictures,
                                                  ThreadPool& pool) const;

  // The steps of encode() for one picture: what is seen, its projected features [views *
  // features_per_view, text_hidden], its rows. `observer` hears of all hidden states.
  [[nodiscard]] SeenPicture look(const PictureViews& picture, ThreadPool& pool,
                                 const VisionObserver& observer = {}) const;
  [[nodiscard]] Matrix<float> project(const SeenPicture& picture, ThreadPool& pool) const;
  [[nodiscard]] Matrix<float> pack(Matrix<float> projected, ImageSize picture) const;

  // How it cuts pictures and how many rows they become.
  [[nodiscard]] const PictureGeometry& geometry() const noexcept { return geometry_; }
  // Of the rows that encode() gives, whatever the picture's size.
  [[nodiscard]] std::size_t max_bytes_per_picture() const;

 private:
  PictureGeometry geometry_;
  std::shared_ptr<VisionStorage> own_vision_;  // null: shared
  std::shared_ptr<const VisionStorage> vision_;
  ProjectorStorage projector_;
  VisionEncoder encoder_;
};

// Calls body(i) for each of `count` pictures, over the threads; for few pictures one after the
// other, so that the threads share the work on each.
template <typename Body>
void for_each_picture(std::size_t count, ThreadPool& pool, const Body& body) {
  if (count < pool.num_threads()) {
    for (std::size_t i = 0; i < count; ++i) body(i);
  } else {
    pool.parallel_for(count, body);
  }
}

}  // namespace vlm
