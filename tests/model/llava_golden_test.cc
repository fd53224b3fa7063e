// LLaVA 1.5 against transformers 5.23 (fp32): tests/data/vision/llava15. Ours differs by 3e-6 from
// its logits; the smallest gap between the two best logits on the way of a greedy search is 3e-5,
// that between the scores of the two best beams 3e-3, so ids must be equal.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "checkpoint/file_checkpoint.h"
#include "core/json_fields.h"
#include "language/beam_search.h"
#include "model/model.h"
#include "model/trace.h"
#include "tests/model/golden_decoder.h"
#include "tests/model/golden_llava.h"

namespace vlm {
namespace {

const std::filesystem::path kTiny = std::filesystem::path(VLM_TEST_DATA) / "vision/llava15";
constexpr float kLogitTolerance = 1e-5F;

// Picture `number` of stored pixels [pictures, 3, 32, 32].
PictureViews picture_of(const SafetensorsFile& golden, std::size_t number) {
  PixelValues view = golden_view(golden.view("pixel_values"), number);
  PictureViews picture{{view.height_px, view.width_px}, {}};
  picture.views.push_back(std::move(view));
  return picture;
}

class LlavaGolden : public testing::Test {
 protected:
  GenerationPrompt prompt_of(std::vector<TokenId> ids, const PictureViews& picture) {
    features.push_back(std::make_shared<const Matrix<float>>(
        std::move(model.shared_parts().vision->encode({&picture, 1}, pool).front())));
    return model.build_prompt({"", std::move(ids), {features.back()}});
  }

  ThreadPool pool{2};
  std::vector<ImageFeatures> features;  // of which prompts hold views
  Model model{FileCheckpoint(kTiny), pool};
  SafetensorsFile golden{kTiny / "tensors.safetensors"};
  Json data = read_json_file(kTiny / "case.json");
};

TEST_F(LlavaGolden, LogitsAreEqualWithOneOrAllImageTokens) {
  for (const char* key : {"input_ids_one_image_token", "input_ids_expanded"}) {
    TraceRequest request;
    request.prompt.ids = ids_of(data.at(key));
    request.pictures.push_back(picture_of(golden, 0));
    const Trace trace = trace_forward(model, std::move(request), pool);
    EXPECT_EQ(trace.input_ids, ids_of(data.at("input_ids_expanded"))) << key;
    EXPECT_LT(largest_difference(trace.tensors.back().values.values(),
                                 read_matrix(golden, "logits").values()),
              kLogitTolerance)
        << key;
  }
}

TEST_F(LlavaGolden, GreedyIdsAreEqual) {
  const GenerationPrompt prompt =
      prompt_of(ids_of(data.at("input_ids_one_image_token")), picture_of(golden, 0));
  EXPECT_EQ(greedy_ids(model.decoder(), prompt, 1.0, pool), ids_of(data.at("greedy_new_ids")));
  EXPECT_EQ(greedy_ids(model.decoder(), prompt, 1.5, pool),
            ids_of(data.at("greedy_rep1.5_new_ids")));
}

TEST_F(LlavaGolden, AllBeamsAndTheirScoresAreEqual) {
  const GenerationPrompt prompt =
      prompt_of(ids_of(data.at("input_ids_one_image_token")), picture_of(golden, 0));
  for (const Json& beam : data.at("beam")) {
    expect_golden_beams(model.decoder(), prompt, beam, beam.at("sequences").size(), pool);
  }
}

TEST_F(LlavaGolden, ABatchOfUnequalPromptsGivesTheIdsOfThePaddedOne) {
  const Json& batch = data.at("left_padded_batch");
  const SafetensorsFile pixels(kTiny / "tensors_batch.safetensors");
  std::vector<GenerationPrompt> prompts;
  for (std::size_t i = 0; i < 2; ++i) {
    std::vector<TokenId> ids = ids_of(batch.at("input_ids_expanded").at(i));
    const auto mask = batch.at("attention_mask").at(i).get<std::vector<int>>();
    while (ids.size() > static_cast<std::size_t>(std::ranges::count(mask, 1))) {
      ids.erase(ids.begin());
    }
    prompts.push_back(prompt_of(std::move(ids), picture_of(pixels, i)));
  }
  const std::vector<const GenerationPrompt*> pointers{prompts.data(), prompts.data() + 1};
  GenerationOptions options;
  options.max_tokens = 12;
  options.num_beams = 5;
  options.repetition_penalty = 1.5;
  const auto found = beam_search(model.decoder(), {pointers, 2}, options, pool);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(found[i].front().ids, ids_of(batch.at("beam5_rep1.5_new_ids").at(i))) << i;
  }
}

// A tower without a class token, of which all patches are used:
// tests/data/vision/make_more_cases.py. The smallest gap between the two best logits is 2e-2.
TEST(LlavaWithSiglip, LogitsAndGreedyIdsAreEqual) {
  const std::filesystem::path folder = kTiny.parent_path() / "llava_siglip";
  ThreadPool pool(2);
  const Model model(FileCheckpoint(folder), pool);
  const SafetensorsFile golden(folder / "case.safetensors");
  const Json data = read_json_file(folder / "case.json");
  PictureViews picture = picture_of(golden, 0);
  const ImageFeatures features = std::make_shared<const Matrix<float>>(
      std::move(model.shared_parts().vision->encode({&picture, 1}, pool).front()));
  const GenerationPrompt prompt =
      model.build_prompt({"", ids_of(data.at("input_ids_expanded")), {features}});
  EXPECT_EQ(greedy_ids(model.decoder(), prompt, 1.0, pool), ids_of(data.at("greedy_new_ids")));
  TraceRequest request;
  request.prompt.ids = ids_of(data.at("input_ids_expanded"));
  request.pictures.push_back(std::move(picture));
  const Trace trace = trace_forward(model, std::move(request), pool);
  EXPECT_LT(largest_difference(trace.tensors.back().values.values(),
                               read_matrix(golden, "logits").values()),
            1e-4F);
}

}  // namespace
}  // namespace vlm
