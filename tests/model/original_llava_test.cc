// Original LLaVA runs as the same weights in the layout of the hub do: bit for bit, since nothing
// but names differs, and for LLaVA 1.6 against transformers (tests/model/llava_next_test.cc).

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/file_checkpoint.h"
#include "model/model.h"
#include "model/projector_storage.h"
#include "model/trace.h"
#include "tests/checkpoint/original_llava_model.h"
#include "vision/image.h"

namespace vlm {
namespace {

namespace fs = std::filesystem;

const fs::path kLlava15 = fs::path(VLM_PROJECT_DIR) / "zoo/models/en-vlm";
const fs::path kLlava16 = fs::path(VLM_TEST_DATA) / "vision/llava16";
const fs::path kPicture = fs::path(VLM_TEST_DATA) / "image/anyres/in_300x60.png";
const std::string kQuestion = "[INST] <image>\nWhat is in the picture? [/INST]";

class OriginalLlava : public testing::Test {
 protected:
  std::vector<Generation> answers(const Model& model) {
    ImageFeatureCache images(model.shared_parts().vision);
    const ImageFeatures features = images.get(std::span(&kPicture, 1), pool).front();
    const std::vector<ModelPrompt> prompts{{kQuestion, {}, {features}}, {"Hello", {}, {}}};
    GenerationOptions options;
    options.max_tokens = 12;
    options.repetition_penalty = 1.3;
    return model.generate(prompts, options, {}, pool);
  }

  Trace traced(const Model& model) {
    TraceRequest request;
    request.prompt.text = kQuestion;
    request.pictures.push_back(
        model.shared_parts().vision->preprocess(read_image(kPicture, ImagePolicy::kPillow), pool));
    return trace_forward(model, std::move(request), pool);
  }

  void expect_same(const Model& found, const Model& expected) {
    const Trace a = traced(found);
    const Trace b = traced(expected);
    EXPECT_EQ(a.input_ids, b.input_ids);
    ASSERT_EQ(a.tensors.size(), b.tensors.size());
    for (std::size_t i = 0; i < a.tensors.size(); ++i) {
      EXPECT_TRUE(std::ranges::equal(a.tensors[i].values.values(), b.tensors[i].values.values()))
          << a.tensors[i].name;
    }
    const auto ours = answers(found);
    const auto theirs = answers(expected);
    for (std::size_t i = 0; i < ours.size(); ++i) EXPECT_EQ(ours[i].ids, theirs[i].ids);
  }

  ThreadPool pool{2};
};

TEST_F(OriginalLlava, RunsAsTheHubsLayoutDoes) {
  for (const fs::path& hub : {kLlava15, kLlava16}) {
    const Model expected(FileCheckpoint(hub), pool);
    for (const TowerPlace place : {TowerPlace::kClipModel, TowerPlace::kInTheCheckpoint}) {
      const OriginalLlavaModel original(hub, {place, false, std::nullopt});
      expect_same(Model(FileCheckpoint(original.path()), pool), expected);
    }
  }
}

// As released: the vocabulary of the language model, without a token "<image>" and padding rows.
TEST_F(OriginalLlava, ThePlaceOfAPictureNeedsNoToken) {
  constexpr std::size_t kVocabularySize = 2560;
  const OriginalLlavaModel original(kLlava15, {TowerPlace::kClipModel, false, kVocabularySize});
  const Model found(FileCheckpoint(original.path()), pool);
  const Model expected(FileCheckpoint(kLlava15), pool);
  ASSERT_EQ(found.decoder().config().vocab_size, kVocabularySize);
  EXPECT_EQ(found.tokenizer().id_of("<pad>"), std::nullopt);
  const Trace a = traced(found);
  const Trace b = traced(expected);
  EXPECT_EQ(a.input_ids, b.input_ids);
  const MatrixView<const float> logits = a.tensors.back().values.view();
  const MatrixView<const float> more = b.tensors.back().values.view();
  for (std::size_t row = 0; row < logits.rows(); ++row) {
    const auto known = more.row(row).first(kVocabularySize);
    for (std::size_t i = 0; i < known.size(); ++i) {
      ASSERT_NEAR(logits.row(row)[i], known[i], 1e-4F) << row << " " << i;  // blocks differ
    }
  }
  const auto ours = answers(found);
  const auto theirs = answers(expected);
  for (std::size_t i = 0; i < ours.size(); ++i) EXPECT_EQ(ours[i].ids, theirs[i].ids);
}

TEST_F(OriginalLlava, ALinearProjectorIsItsFirstLayerAlone) {
  const OriginalLlavaModel original(kLlava15, {TowerPlace::kClipModel, true, std::nullopt});
  const FileCheckpoint checkpoint(original.path());
  const Model model(checkpoint, pool);
  const ProjectorStorage projector = ProjectorStorage::load(checkpoint, pool);
  EXPECT_FALSE(projector.weights().linear_2.has_value());
  const Trace trace = traced(model);
  const auto named = [&](const std::string& name) {
    return std::ranges::find(trace.tensors, name, &TraceTensor::name);
  };
  const auto hidden = named("vision.hidden_5");  // the last but one of six blocks
  const auto projected = named("projected");
  ASSERT_NE(hidden, trace.tensors.end());
  ASSERT_NE(projected, trace.tensors.end());
  const auto values_of = [&](const std::string& name) {
    const TensorInfo& info = *checkpoint.find(name);
    std::vector<float> values(element_count(info.shape).value());
    checkpoint.read(info, values);
    return values;
  };
  const std::vector<float> weight = values_of("projector/linear_1.weight");
  const std::vector<float> bias = values_of("projector/linear_1.bias");
  const auto patch = hidden->values.view().row(1);  // behind the class token
  const auto row = projected->values.view().row(0);
  ASSERT_EQ(row.size(), bias.size());
  for (std::size_t out = 0; out < row.size(); ++out) {
    double sum = bias[out];
    for (std::size_t in = 0; in < patch.size(); ++in) {
      sum += double{weight[out * patch.size() + in]} * patch[in];
    }
    ASSERT_NEAR(row[out], sum, 1e-4) << out;
  }
}

}  // namespace
}  // namespace vlm
