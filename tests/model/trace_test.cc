// What a trace holds: the tensors of the contract, in order, with their shapes.

#include "model/trace.h"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/file_checkpoint.h"
#include "core/error.h"
#include "tests/error_message.h"
#include "tests/model/golden_decoder.h"

namespace vlm {
namespace {

using testing::ElementsAre;
using Shapes = std::vector<std::size_t>;

const std::filesystem::path kModels = std::filesystem::path(VLM_PROJECT_DIR) / "zoo/models";

PictureViews picture(float value, std::size_t side_px = 64) {
  PixelValues pixels{Matrix<float>(3, side_px * side_px), side_px, side_px};
  for (float& x : pixels.values.values()) x = value;
  PictureViews picture{{side_px, side_px}, {}};
  picture.views.push_back(std::move(pixels));
  return picture;
}

const TraceTensor& tensor(const Trace& trace, const std::string& name) {
  for (const TraceTensor& candidate : trace.tensors) {
    if (candidate.name == name) return candidate;
  }
  throw Error(ErrorCode::kNotFound, "no tensor in the trace: " + name);
}

std::vector<std::string> names_of(const Trace& trace) {
  std::vector<std::string> names;
  for (const TraceTensor& entry : trace.tensors) names.push_back(entry.name);
  return names;
}

TEST(Trace, OfATextHasEveryLayerInTheOrderOfComputing) {
  ThreadPool pool(2);
  const Model model(FileCheckpoint(kModels / "base-lm"), pool);
  TraceRequest request;
  request.prompt.ids = {1, 330, 331};
  const Trace trace = trace_forward(model, std::move(request), pool);
  EXPECT_THAT(trace.input_ids, ElementsAre(1, 330, 331));
  EXPECT_THAT(names_of(trace), ElementsAre("embeddings", "layer_0", "layer_1", "layer_2", "layer_3",
                                           "layer_4", "layer_5", "final_norm", "logits"));
  EXPECT_EQ(tensor(trace, "layer_0").shape, (Shapes{3, 192}));
  EXPECT_EQ(tensor(trace, "logits").shape, (Shapes{3, 2560}));
}

TEST(Trace, OfPicturesHasPixelsHiddenStatesAndProjectedRows) {
  ThreadPool pool(2);
  const Model model(FileCheckpoint(kModels / "en-vlm"), pool);
  TraceRequest request;
  request.prompt.text = "<image> and <image>";
  request.pictures.push_back(picture(0.25F));
  request.pictures.push_back(picture(-1.0F));
  const Trace trace = trace_forward(model, std::move(request), pool);
  EXPECT_EQ(tensor(trace, "pixel_values").shape, (Shapes{2, 3, 64, 64}));
  EXPECT_EQ(tensor(trace, "vision.hidden_0").shape, (Shapes{2, 65, 192}));
  EXPECT_EQ(tensor(trace, "vision.hidden_5").shape, (Shapes{2, 65, 192}));
  EXPECT_EQ(tensor(trace, "projected").shape, (Shapes{2, 64, 192}));
  EXPECT_EQ(tensor(trace, "embeddings").shape, (Shapes{trace.input_ids.size(), 192}));
  EXPECT_EQ(tensor(trace, "logits").shape, (Shapes{trace.input_ids.size(), 2624}));

  // Each picture's rows stand where its image tokens are.
  const Matrix<float>& projected = tensor(trace, "projected").values;
  const Matrix<float>& embeddings = tensor(trace, "embeddings").values;
  std::size_t row = 0;
  for (std::size_t i = 0; i < trace.input_ids.size(); ++i) {
    if (trace.input_ids[i] != 2560) continue;
    EXPECT_EQ(largest_difference(embeddings.row(i), projected.row(row)), 0.0F) << i;
    ++row;
  }
  EXPECT_EQ(row, 128U);
}

TEST(Trace, GivesTheValuesOfSeveralPicturesAsOfOne) {
  ThreadPool pool(2);
  const Model model(FileCheckpoint(kModels / "en-vlm"), pool);
  TraceRequest both;
  both.prompt.text = "<image><image>";
  both.pictures.push_back(picture(0.25F));
  both.pictures.push_back(picture(-1.0F));
  TraceRequest second;
  second.prompt.text = "<image>";
  second.pictures.push_back(picture(-1.0F));
  const Trace joint = trace_forward(model, std::move(both), pool);
  const Trace alone = trace_forward(model, std::move(second), pool);
  for (const char* name : {"pixel_values", "vision.hidden_3", "projected"}) {
    const auto expected = tensor(alone, name).values.values();
    const auto found = tensor(joint, name).values.values().subspan(expected.size());
    EXPECT_EQ(largest_difference(found, expected), 0.0F) << name;
  }
}

// Three tokens along a path of layers; empty: every layer once.
Trace trace_along(const Model& model, const std::vector<LayerHop>& path, ThreadPool& pool) {
  TraceRequest request;
  request.prompt.ids = {1, 330, 331};
  request.layer_path.hops = path;
  return trace_forward(model, std::move(request), pool);
}

TEST(Trace, FollowsALayerPath) {
  ThreadPool pool(2);
  const Model model(FileCheckpoint(kModels / "base-lm"), pool);
  std::vector<LayerHop> path;
  for (std::size_t layer = 0; layer < 6; ++layer) path.push_back({layer, 1.0F});
  const Trace expected = trace_along(model, {}, pool);
  const Trace same = trace_along(model, path, pool);
  EXPECT_EQ(largest_difference(tensor(same, "logits").values.values(),
                               tensor(expected, "logits").values.values()),
            0.0F);
  path.push_back({5, 0.5F});
  const Trace longer = trace_along(model, path, pool);
  EXPECT_EQ(largest_difference(tensor(longer, "layer_5").values.values(),
                               tensor(expected, "layer_5").values.values()),
            0.0F);
  EXPECT_EQ(tensor(longer, "layer_6").shape, (Shapes{3, 192}));
  EXPECT_THROW(trace_along(model, {{6, 1.0F}}, pool), Error);
}

TEST(Trace, RefusesPicturesForATextModelAndIdsOutsideTheVocabulary) {
  ThreadPool pool(1);
  const Model model(FileCheckpoint(kModels / "base-lm"), pool);
  TraceRequest request;
  request.prompt.ids = {1};
  request.pictures.push_back(picture(0.0F));
  EXPECT_THROW(trace_forward(model, std::move(request), pool), Error);
  TraceRequest outside;
  outside.prompt.ids = {1, 2560};
  EXPECT_THROW(trace_forward(model, std::move(outside), pool), Error);
}

TEST(Trace, RefusesPicturesOfTheWrongSize) {
  ThreadPool pool(1);
  const Model model(FileCheckpoint(kModels / "en-vlm"), pool);
  TraceRequest request;
  request.prompt.text = "<image>";
  request.pictures.push_back(picture(0.0F, 32));
  EXPECT_THROW(trace_forward(model, std::move(request), pool), Error);
}

TEST(Trace, RefusesToTakeMoreMemoryThanAllowed) {
  ThreadPool pool(2);
  const Model model(FileCheckpoint(kModels / "base-lm"), pool);
  TraceRequest request;
  request.prompt.ids = {1, 330, 331};
  // Embeddings, six layers and the norm, twice the logits.
  request.memory_bytes = 3 * (8 * 192 + 2 * 2560) * sizeof(float);
  EXPECT_THAT(error_message([&] { trace_forward(model, std::move(request), pool); }),
              testing::HasSubstr("besides the model: left are 79.8 KB"));
}

}  // namespace
}  // namespace vlm
