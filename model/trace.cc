#include "model/trace.h"

#include <algorithm>
#include <memory>
#include <span>
#include <utility>

#include "core/error.h"

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

void trace_pixels(Trace& trace, const std::vector<PixelValues>& pixels) {
  for (const PixelValues& image : pixels) {
    append_rows(trace, "pixel_values", image.values.view());
  }
  trace.tensors.back().shape = {pixels.size(), pixels[0].values.rows(), pixels[0].height_px,
                                pixels[0].width_px};
}

std::vector<ImageFeatures> trace_vision(Trace& trace, const VisionTower& tower,
                                        const std::vector<PixelValues>& pixels, ThreadPool& pool) {
  trace_pixels(trace, pixels);
  std::vector<Matrix<float>> encoded =
      tower.encode_pixels(pixels, pool, [&](const VisionHiddenState& state) {
        append_rows(trace, "vision.hidden_" + std::to_string(state.layer), state.values);
      });
  std::vector<ImageFeatures> features;
  for (Matrix<float>& image : encoded) {
    append_rows(trace, "projected", image.view());
    features.push_back(std::make_shared<const Matrix<float>>(std::move(image)));
  }
  for (TraceTensor& tensor : trace.tensors) {  // rows of all images -> [images, rows, columns]
    if (tensor.shape.size() != 2) continue;
    tensor.shape = {pixels.size(), tensor.values.rows() / pixels.size(), tensor.values.cols()};
  }
  return features;
}

Matrix<float> embed(const Decoder& decoder, const GenerationPrompt& prompt) {
  Matrix<float> hidden(prompt.ids.size(), decoder.config().hidden_size);
  std::size_t next = 0;
  const auto embed_ids = [&](std::size_t end) {
    decoder.embed(std::span(prompt.ids).subspan(next, end - next),
                  hidden.view().rows(next, end - next));
  };
  for (const EmbeddedRows& rows : prompt.embedded) {
    embed_ids(rows.first_token);
    for (std::size_t r = 0; r < rows.rows.rows(); ++r) {
      std::ranges::copy(rows.rows.row(r), hidden.row(rows.first_token + r).begin());
    }
    next = rows.first_token + rows.rows.rows();
  }
  embed_ids(prompt.ids.size());
  return hidden;
}

}  // namespace

Trace trace_forward(const Model& model, TraceRequest request, ThreadPool& pool) {
  Trace trace;
  if (!request.pixels.empty()) {
    if (!model.sees_images()) {
      throw Error(ErrorCode::kInvalidArgument, "a text model cannot see pictures: trace");
    }
    request.prompt.images = trace_vision(trace, *model.shared_parts().vision, request.pixels, pool);
  }
  const GenerationPrompt prompt = model.build_prompt(request.prompt);
  trace.input_ids = prompt.ids;

  const Decoder decoder(model.decoder().config(), model.decoder().weights(), request.layer_path);
  Matrix<float> hidden = embed(decoder, prompt);
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
