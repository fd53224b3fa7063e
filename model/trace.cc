#include "model/trace.h"

#include <algorithm>
#include <memory>
#include <span>
#include <utility>

#include "core/byte_text.h"
#include "core/error.h"
#include "model/memory_plan.h"

namespace vlm {
namespace {

Matrix<float> copy_of(MatrixView<const float> view) {
  Matrix<float> copy(view.rows(), view.cols());
  for (std::size_t r = 0; r < view.rows(); ++r) std::ranges::copy(view.row(r), copy.row(r).begin());
  return copy;
}

void add(Trace& trace, const std::string& name, MatrixView<const float> values) {
  trace.tensors.push_back({name, {values.rows(), values.cols()}, copy_of(values)});
}

// Puts one group of images' rows behind those already there.
void append_rows(Trace& trace, const std::string& name, MatrixView<const float> values) {
  const auto found = std::find_if(trace.tensors.begin(), trace.tensors.end(),
                                  [&](const TraceTensor& tensor) { return tensor.name == name; });
  if (found == trace.tensors.end()) return add(trace, name, values);
  Matrix<float> joined(found->values.rows() + values.rows(), values.cols());
  std::ranges::copy(found->values.values(), joined.values().begin());
  for (std::size_t r = 0; r < values.rows(); ++r) {
    std::ranges::copy(values.row(r), joined.row(found->values.rows() + r).begin());
  }
  found->shape = {joined.rows(), joined.cols()};
  found->values = std::move(joined);
}

std::size_t count_views(const std::vector<PictureViews>& pictures) {
  std::size_t count = 0;
  for (const PictureViews& picture : pictures) count += picture.views.size();
  return count;
}

// [views, 3, height, width]
TraceTensor stacked_pixels(const std::vector<PictureViews>& pictures) {
  const PixelValues& first = pictures.front().views.front();
  TraceTensor stacked{"pixel_values",
                      {count_views(pictures), first.values.rows(), first.height_px, first.width_px},
                      Matrix<float>(count_views(pictures), first.values.size())};
  std::size_t next = 0;
  for (const PictureViews& picture : pictures) {
    for (const PixelValues& view : picture.views) {
      std::ranges::copy(view.values.values(), stacked.values.row(next++).begin());
    }
  }
  return stacked;
}

std::vector<ImageFeatures> trace_vision(Trace& trace, const VisionTower& tower,
                                        const std::vector<PictureViews>& pictures,
                                        ThreadPool& pool) {
  std::vector<Matrix<float>> projected;
  projected.reserve(pictures.size());
  for (const PictureViews& picture : pictures) {
    const SeenPicture seen = tower.look(picture, pool, [&](const VisionHiddenState& state) {
      append_rows(trace, "vision.hidden_" + std::to_string(state.layer), state.values);
    });
    projected.push_back(tower.project(seen, pool));
  }
  for (const Matrix<float>& rows : projected) append_rows(trace, "projected", rows.view());
  const std::size_t views = count_views(pictures);
  for (TraceTensor& tensor : trace.tensors) {  // rows of all views -> [views, rows, columns]
    tensor.shape = {views, tensor.values.rows() / views, tensor.values.cols()};
  }
  trace.tensors.insert(trace.tensors.begin(), stacked_pixels(pictures));
  std::vector<ImageFeatures> features;
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    Matrix<float> packed = tower.pack(std::move(projected[i]), pictures[i].size);
    if (tower.geometry().tiles_pictures()) append_rows(trace, "packed_features", packed.view());
    features.push_back(std::make_shared<const Matrix<float>>(std::move(packed)));
  }
  return features;
}

std::size_t bytes_held(const Trace& trace) {
  std::size_t bytes = 0;
  for (const TraceTensor& tensor : trace.tensors) bytes += tensor.values.size() * sizeof(float);
  return bytes;
}

// Of so many tokens: what runs them, and the streams and logits that are kept.
std::size_t bytes_of(const Decoder& decoder, std::size_t tokens) {
  const DecoderConfig& config = decoder.config();
  const std::size_t kept_floats =
      (decoder.hops().size() + 2) * config.hidden_size + 2 * config.vocab_size;
  return tokens * (row_bytes(config) + kept_floats * sizeof(float)) +
         KvCache::bytes_for(decoder.hops().size(), config.kv_width(), tokens);
}

void require_room(std::size_t needed_bytes, std::size_t memory_bytes) {
  if (needed_bytes <= memory_bytes) return;
  throw Error(ErrorCode::kInvalidArgument, "memory: the trace takes " + byte_text(needed_bytes) +
                                               " besides the model: left are " +
                                               byte_text(memory_bytes, ByteRounding::kDown));
}

}  // namespace

Trace trace_forward(const Model& model, TraceRequest request, ThreadPool& pool) {
  Trace trace;
  if (!request.pictures.empty()) {
    if (!model.sees_images()) {
      throw Error(ErrorCode::kInvalidArgument, "a text model cannot see pictures: trace");
    }
    request.prompt.images =
        trace_vision(trace, *model.shared_parts().vision, request.pictures, pool);
  }
  const GenerationPrompt prompt = model.build_prompt(request.prompt);
  trace.input_ids = prompt.ids;

  DecoderConfig config = model.decoder().config();
  if (!request.layer_path.hops.empty()) config.path = request.layer_path;
  const Decoder decoder(config, model.decoder().weights());
  require_room(bytes_held(trace) + bytes_of(decoder, prompt.ids.size()), request.memory_bytes);
  Matrix<float> hidden(prompt.ids.size(), decoder.config().hidden_size);
  embed_prompt(decoder, prompt, 0, hidden.view());
  add(trace, "embeddings", hidden.view());
  KvCache cache = decoder.make_cache();
  DecoderScratch scratch;
  const SequenceRows rows{&cache, 0, hidden.rows()};
  decoder.forward(hidden.view(), {&rows, 1}, scratch, pool,
                  [&](std::size_t hop, MatrixView<const float> values) {
                    add(trace, "layer_" + std::to_string(hop), values);
                  });
  Matrix<float> normed(hidden.rows(), hidden.cols());
  decoder.final_norm(hidden.view(), normed.view());
  add(trace, "final_norm", normed.view());
  Matrix<float> logits(hidden.rows(), decoder.config().vocab_size);
  decoder.logits(hidden.view(), logits.view(), scratch, pool);
  add(trace, "logits", logits.view());
  return trace;
}

}  // namespace vlm
