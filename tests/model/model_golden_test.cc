// The bundled models as wholes, from prompt and picture file to text, against transformers 5.23
// (fp32): tests/data/zoo_golden.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/file_checkpoint.h"
#include "checkpoint/safetensors.h"
#include "core/json_fields.h"
#include "model/model.h"
#include "model/trace.h"
#include "tests/model/golden_decoder.h"
#include "vision/image.h"

namespace vlm {
namespace {

using testing::ElementsAre;

const std::filesystem::path kProject = VLM_PROJECT_DIR;
const std::filesystem::path kGolden = std::filesystem::path(VLM_TEST_DATA) / "zoo_golden";
constexpr float kLogitTolerance = 1e-4F;  // of logits up to about 20
// Of a log-probability computed along two paths that add in different orders: float32 numbers near
// 20 are 2e-6 apart.
constexpr double kPathTolerance = 1e-5;

std::vector<Json> cases_of(const std::string& model) {
  std::vector<Json> cases;
  const Json golden = read_json_file(kGolden / "golden.json");
  for (const Json& item : golden.at("cases")) {
    if (item.at("model") == model) cases.push_back(item);
  }
  return cases;
}

GenerationOptions greedy() {
  GenerationOptions options;
  options.max_tokens = 64;
  return options;
}

GenerationOptions five_beams() {
  GenerationOptions options = greedy();
  options.num_beams = 5;
  options.repetition_penalty = 1.5;
  return options;
}

// Log-probability of the most probable id.
double best_log_probability(std::span<const float> logits) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0.0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - largest);
  return -std::log(sum);
}

class ZooModel : public testing::TestWithParam<std::string> {
 protected:
  ModelPrompt prompt_of(const Json& item) {
    ModelPrompt prompt{item.at("prompt").get<std::string>(), {}, {}};
    if (!item.contains("image")) return prompt;
    if (!images) images.emplace(model.shared_parts().vision);
    const std::filesystem::path file = kProject / item.at("image").get<std::string>();
    prompt.images = images->get(std::vector{file}, pool);
    return prompt;
  }

  std::vector<ModelPrompt> prompts() {
    std::vector<ModelPrompt> prompts;
    for (const Json& item : cases) prompts.push_back(prompt_of(item));
    return prompts;
  }

  Trace trace_of(const Json& item) {
    TraceRequest request;
    request.prompt.text = item.at("prompt").get<std::string>();
    if (item.contains("image")) {
      const cv::Mat image =
          read_image(kProject / item.at("image").get<std::string>(), ImagePolicy::kPillow);
      request.pictures.push_back(model.shared_parts().vision->preprocess(image, pool));
    }
    return trace_forward(model, std::move(request), pool);
  }

  void expect_generations(const GenerationOptions& options, const std::string& key) {
    for (const Json& item : cases) {
      const auto id = item.at("id").get<std::string>();
      const std::vector<ModelPrompt> alone{prompt_of(item)};
      const Generation found = model.generate(alone, options, {}, pool).at(0);
      std::vector<TokenId> ids = found.ids;
      ASSERT_EQ(found.finish, FinishReason::kEndToken) << id;
      ids.push_back(model.end_ids().at(0));
      EXPECT_EQ(ids, item.at(key).at("ids").get<std::vector<TokenId>>()) << id;
      EXPECT_EQ(found.text, item.at(key).at("text").get<std::string>()) << id;
    }
  }

  ThreadPool pool{2};
  Model model{FileCheckpoint(kProject / "zoo/models" / GetParam()), pool};
  std::optional<ImageFeatureCache> images;
  std::vector<Json> cases = cases_of(GetParam());
};

TEST_P(ZooModel, InputIdsAreEqual) {
  for (const Json& item : cases) {
    EXPECT_EQ(model.build_prompt(prompt_of(item)).ids,
              item.at("input_ids").get<std::vector<TokenId>>())
        << item.at("id");
  }
}

TEST_P(ZooModel, LastLogitsAreEqual) {
  for (const Json& item : cases) {
    const auto id = item.at("id").get<std::string>();
    const bool shows_picture = item.contains("image");
    const SafetensorsFile golden(kGolden /
                                 (shows_picture ? id + ".safetensors" : "text_logits.safetensors"));
    const Matrix<float> expected = read_matrix(golden, shows_picture ? "logits" : id);
    const Trace trace = trace_of(item);
    const Matrix<float>& logits = trace.tensors.back().values;
    const float difference = largest_difference(logits.row(logits.rows() - 1), expected.values());
    EXPECT_LT(difference, kLogitTolerance) << id;
    RecordProperty(id, std::to_string(difference));
  }
}

TEST_P(ZooModel, GreedyIdsAndTextsAreEqual) {
  expect_generations(greedy(), "greedy");
}

TEST_P(ZooModel, FiveBeamsWithRepetitionPenaltyAreEqual) {
  expect_generations(five_beams(), "beam5_rp1.5");
}

TEST_P(ZooModel, ThreadsDoNotChangeABit) {
  const std::vector<ModelPrompt> all = prompts();
  ThreadPool one(1);
  ThreadPool three(3);
  const std::vector<Generation> beams = model.generate(all, five_beams(), {}, one);
  const std::vector<Generation> beams_again = model.generate(all, five_beams(), {}, pool);
  const std::vector<Generation> texts = model.generate(all, greedy(), {}, one);
  const std::vector<Generation> texts_again = model.generate(all, greedy(), {}, three);
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(beams_again[i].ids, beams[i].ids) << i;
    EXPECT_EQ(beams_again[i].score, beams[i].score) << i;
    EXPECT_EQ(texts_again[i].ids, texts[i].ids) << i;
    EXPECT_EQ(texts_again[i].score, texts[i].score) << i;
  }
}

TEST_P(ZooModel, OneBatchGivesTheIdsOfEachAlone) {
  const std::vector<ModelPrompt> all = prompts();
  const std::vector<Generation> found = model.generate(all, greedy(), {16}, pool);
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::vector<TokenId> ids = found[i].ids;
    ids.push_back(model.end_ids().at(0));
    EXPECT_EQ(ids, cases[i].at("greedy").at("ids").get<std::vector<TokenId>>()) << i;
  }
}

TEST_P(ZooModel, TraceHasTheLogitsThatGenerateChoosesFrom) {
  GenerationOptions options = greedy();
  options.max_tokens = 1;
  for (const Json& item : cases) {
    const std::vector<ModelPrompt> alone{prompt_of(item)};
    const Generation first = model.generate(alone, options, {}, pool).at(0);
    const Trace trace = trace_of(item);
    EXPECT_EQ(trace.input_ids, model.build_prompt(alone[0]).ids);
    const Matrix<float>& logits = trace.tensors.back().values;
    EXPECT_NEAR(first.score, best_log_probability(logits.row(logits.rows() - 1)), kPathTolerance)
        << item.at("id");
  }
}

INSTANTIATE_TEST_SUITE_P(Bundled, ZooModel,
                         testing::Values("base-lm", "ja-lm", "math-lm", "en-vlm"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(ZooGoldenFile, HasSixTextsAndFivePictures) {
  std::vector<std::size_t> counts;
  for (const char* model : {"base-lm", "ja-lm", "math-lm", "en-vlm"}) {
    counts.push_back(cases_of(model).size());
  }
  EXPECT_THAT(counts, ElementsAre(1U, 3U, 2U, 5U));
}

}  // namespace
}  // namespace vlm
