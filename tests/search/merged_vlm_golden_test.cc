// A merged VLM run from memory, without a file between, against transformers 5.23 running
// mergekit's merge: tests/data/merge/vlm.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "checkpoint/safetensors.h"
#include "core/files.h"
#include "core/json_fields.h"
#include "language/generate.h"
#include "merge/plan.h"
#include "merge/recipe_parser.h"
#include "model/decoder_storage.h"
#include "model/projector_storage.h"
#include "model/vision_storage.h"
#include "search/model_source.h"
#include "vision/vision_encoder.h"

namespace vlm {
namespace {

const std::filesystem::path kData = std::filesystem::path(VLM_TEST_DATA) / "merge/vlm";
constexpr float kLogitTolerance = 1e-4F;

std::vector<float> floats(const SafetensorsFile& file, const std::string& name) {
  const TensorView view = file.view(name);
  std::vector<float> values(element_count(view.shape).value());
  read_floats(view, 0, values);
  return values;
}

// The golden recipes are mergekit's, which cannot name the VLM that takes the merge.
std::shared_ptr<const MergedCheckpoint> merge_of(const std::string& recipe_file) {
  ModelPool models = make_model_pool(kData);
  const std::string text = "vlm: models/vlm\n" + read_text_file(kData / recipe_file);
  return std::make_shared<const MergedCheckpoint>(
      make_merge_plan(parse_recipe(text, recipe_file), models));
}

Matrix<float> project_picture(const Checkpoint& checkpoint, const std::vector<float>& pixels,
                              ThreadPool& pool) {
  const VisionStorage storage = VisionStorage::load(checkpoint, pool);
  std::vector<PixelValues> pictures(1);
  pictures[0] = {Matrix<float>(3, std::size_t{24} * 24), 24, 24};
  std::copy(pixels.begin(), pixels.end(), pictures[0].values.values().begin());
  const VisionEncoder encoder(storage.vision_config(), storage.vision_weights());
  const ProjectorStorage projector = ProjectorStorage::load(checkpoint, pool);
  const auto config = ProjectorConfig::from_json({checkpoint.config().json, "config.json"});
  const Matrix<float> hidden = encoder.encode(pictures, config.vision_feature_layer, pool);
  const Matrix<float> selected =
      select_features(hidden.view(), storage.vision_config().num_tokens(), config.selection);
  return project(selected.view(), projector.weights(), config.activation, pool);
}

// Logits of all positions, the picture's rows in place of the image tokens.
Matrix<float> logits_of(const Decoder& decoder, const std::vector<TokenId>& ids,
                        const Matrix<float>& picture, TokenId image_token, ThreadPool& pool) {
  Matrix<float> hidden(ids.size(), decoder.config().hidden_size);
  decoder.embed(ids, hidden.view());
  std::size_t next = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] == image_token) std::ranges::copy(picture.row(next++), hidden.row(i).begin());
  }
  KvCache cache = decoder.make_cache();
  DecoderScratch scratch;
  const SequenceRows rows{&cache, 0, ids.size()};
  decoder.forward(hidden.view(), {&rows, 1}, scratch, pool);
  Matrix<float> logits(ids.size(), decoder.config().vocab_size);
  decoder.logits(hidden.view(), logits.view(), scratch, pool);
  return logits;
}

TEST(MergedVlmGolden, LogitsGreedyAndBeamIdsAreEqual) {
  ThreadPool pool(2);
  const Json golden = read_json_file(kData / "cases.json");
  const SafetensorsFile tensors(kData / "tensors.safetensors");
  const auto image_token = golden.at("image_token_id").get<TokenId>();
  const auto ids = golden.at("input_ids_expanded").get<std::vector<TokenId>>();
  const auto first_image = std::find(ids.begin(), ids.end(), image_token) - ids.begin();
  ASSERT_EQ(golden.at("cases").size(), 5U);
  for (const Json& item : golden.at("cases")) {
    SCOPED_TRACE(item.at("name").get<std::string>());
    const auto merged = merge_of(item.at("recipe").get<std::string>());
    const DecoderStorage storage =
        DecoderStorage::load(*merged, parse_decoder_config(merged->config().text()), pool);
    const Decoder decoder(storage.config(), storage.weights());
    const Matrix<float> picture = project_picture(*merged, floats(tensors, "pixel_values"), pool);

    const Matrix<float> logits = logits_of(decoder, ids, picture, image_token, pool);
    const std::vector<float> expected = floats(tensors, item.at("logits").get<std::string>());
    ASSERT_EQ(logits.size(), expected.size());
    float difference = 0.0F;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      difference = std::max(difference, std::abs(logits.values()[i] - expected[i]));
    }
    EXPECT_LT(difference, kLogitTolerance);

    const std::vector<GenerationPrompt> prompts{
        {ids, {{static_cast<std::size_t>(first_image), picture.view()}}}};
    GenerationOptions options;
    options.max_tokens = 12;
    EXPECT_EQ(generate_ids(decoder, prompts, options, {}, pool)[0].ids,
              item.at("greedy_12").get<std::vector<TokenId>>());
    options.num_beams = 5;
    options.repetition_penalty = 1.5;
    EXPECT_EQ(generate_ids(decoder, prompts, options, {}, pool)[0].ids,
              item.at("beam5_rep1.5_12").get<std::vector<TokenId>>());
  }
}

}  // namespace
}  // namespace vlm
