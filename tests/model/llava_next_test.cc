// LLaVA 1.6 against transformers 5.23 (fp32): tests/data/vision/llava16. Its vision features agree
// with the reference to 1e-5, its logits to 1e-4; the smallest gap between the two best logits on
// the way of a greedy search is 1e-2, so ids must be equal.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "checkpoint/file_checkpoint.h"
#include "checkpoint/safetensors_writer.h"
#include "core/error.h"
#include "core/files.h"
#include "language/beam_search.h"
#include "model/model.h"
#include "model/trace.h"
#include "tests/error_message.h"
#include "tests/model/golden_decoder.h"
#include "tests/model/golden_llava.h"

namespace vlm {
namespace {

using testing::HasSubstr;

const std::filesystem::path kTiny = std::filesystem::path(VLM_TEST_DATA) / "vision/llava16";
const std::filesystem::path kPictures = std::filesystem::path(VLM_TEST_DATA) / "image/anyres";
constexpr TokenId kImageToken = 94;
constexpr float kFeatureTolerance = 1e-5F;
constexpr float kLogitTolerance = 1e-4F;

PictureViews golden_views(const SafetensorsFile& golden, const Json& item) {
  const auto& size = item.at("image_size_hw");
  PictureViews picture{{size[0].get<std::size_t>(), size[1].get<std::size_t>()}, {}};
  const TensorView stored =
      golden.view("case" + std::to_string(item.at("id").get<int>()) + "_pixel_values");
  for (std::size_t i = 0; i < stored.shape[0]; ++i) {
    picture.views.push_back(golden_view(stored, i));
  }
  return picture;
}

// A folder with the tiny model's files, some of them changed.
class TinyModelFolder {
 public:
  TinyModelFolder() {
    std::filesystem::create_directories(folder_);
    for (const char* name : {"config.json", "preprocessor_config.json", "model.safetensors",
                             "tokenizer.model", "tokenizer_config.json"}) {
      std::filesystem::copy_file(kTiny / name, folder_ / name);
    }
  }
  ~TinyModelFolder() { std::filesystem::remove_all(folder_); }
  TinyModelFolder(const TinyModelFolder&) = delete;
  TinyModelFolder& operator=(const TinyModelFolder&) = delete;
  TinyModelFolder(TinyModelFolder&&) = delete;
  TinyModelFolder& operator=(TinyModelFolder&&) = delete;

  void change(const std::string& file, const std::string& key, const Json& value) const {
    Json json = read_json_file(folder_ / file);
    json[key] = value;
    write(file, json);
  }
  void write(const std::string& file, const Json& json) const {
    write_file_atomically(folder_ / file, json.dump());
  }
  void remove(const std::string& file) const { std::filesystem::remove(folder_ / file); }

  // Writes the tensors under other names; the first prefix that fits a name is replaced.
  void rename_tensors(const std::vector<std::pair<std::string, std::string>>& prefixes) const {
    const SafetensorsFile file(kTiny / "model.safetensors");
    std::vector<NamedTensor> tensors;
    for (const SafetensorsEntry& entry : file.entries()) {
      std::string name = entry.name;
      for (const auto& [from, to] : prefixes) {
        if (!name.starts_with(from)) continue;
        name = to + name.substr(from.size());
        break;
      }
      tensors.push_back({name, file.view(entry)});
    }
    write_safetensors(folder_ / "model.safetensors", tensors);
  }

  [[nodiscard]] Model load(ThreadPool& pool) const { return {FileCheckpoint(folder_), pool}; }
  [[nodiscard]] std::string message(ThreadPool& pool) const {
    return error_message([&] { static_cast<void>(load(pool)); });
  }

 private:
  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("vlm_llava_next_" + std::to_string(::getpid()));
};

class LlavaNext : public testing::Test {
 protected:
  ImageFeatures features_of(const Json& item) {
    const PictureViews picture = golden_views(golden, item);
    return std::make_shared<const Matrix<float>>(
        std::move(model.shared_parts().vision->encode({&picture, 1}, pool).front()));
  }

  void expect_golden_logits(const Model& other) {
    for (const Json& item : cases.at("cases")) {
      TraceRequest request;
      request.prompt.ids = ids_of(item.at("input_ids_one_image_token"));
      request.pictures.push_back(golden_views(golden, item));
      const Trace trace = trace_forward(other, std::move(request), pool);
      EXPECT_EQ(trace.input_ids, ids_of(item.at("input_ids_expanded")));
      const Matrix<float> expected =
          read_matrix(golden, "case" + std::to_string(item.at("id").get<int>()) + "_logits");
      const float difference =
          largest_difference(trace.tensors.back().values.values(), expected.values());
      EXPECT_LT(difference, kLogitTolerance) << item.at("id");
      RecordProperty("logits_" + std::to_string(item.at("id").get<int>()),
                     std::to_string(difference));
    }
  }

  ThreadPool pool{2};
  Model model{FileCheckpoint(kTiny), pool};
  SafetensorsFile golden{kTiny / "tensors.safetensors"};
  Json cases = read_json_file(kTiny / "cases.json");
};

TEST_F(LlavaNext, PackedFeaturesAreEqual) {
  for (const Json& item : cases.at("cases")) {
    const ImageFeatures features = features_of(item);
    const Matrix<float> expected =
        read_matrix(golden, "case" + std::to_string(item.at("id").get<int>()) + "_packed_features");
    ASSERT_EQ(features->rows(), item.at("image_tokens").get<std::size_t>());
    const float difference = largest_difference(features->values(), expected.values());
    EXPECT_LT(difference, kFeatureTolerance) << item.at("id");
    RecordProperty("features_" + std::to_string(item.at("id").get<int>()),
                   std::to_string(difference));
  }
}

TEST_F(LlavaNext, LogitsAreEqual) {
  expect_golden_logits(model);
}

TEST_F(LlavaNext, LogitsAreEqualInTheLayoutThatTransformersSaves) {
  const TinyModelFolder folder;
  folder.rename_tensors({{"vision_tower.vision_model.", "vision_tower."}});
  expect_golden_logits(folder.load(pool));
}

TEST_F(LlavaNext, LogitsAreEqualUnderTheModuleNamesOfTransformers) {
  const TinyModelFolder folder;
  folder.rename_tensors({{"language_model.lm_head.", "lm_head."},
                         {"language_model.model.", "model.language_model."},
                         {"vision_tower.vision_model.", "model.vision_tower."},
                         {"multi_modal_projector.", "model.multi_modal_projector."},
                         {"image_newline", "model.image_newline"}});
  expect_golden_logits(folder.load(pool));
}

TEST_F(LlavaNext, GeneratesTheIdsOfTransformersWithOneOrAllImageTokens) {
  for (const Json& item : cases.at("cases")) {
    const ImageFeatures features = features_of(item);
    for (const char* key : {"input_ids_one_image_token", "input_ids_expanded"}) {
      const GenerationPrompt prompt = model.build_prompt({"", ids_of(item.at(key)), {features}});
      EXPECT_EQ(prompt.ids, ids_of(item.at("input_ids_expanded"))) << key;
      EXPECT_EQ(greedy_ids(model.decoder(), prompt, 1.0, pool), ids_of(item.at("greedy_new_ids")))
          << key;
      EXPECT_EQ(greedy_ids(model.decoder(), prompt, 1.5, pool),
                ids_of(item.at("greedy_rep1.5_new_ids")))
          << key;
    }
  }
}

TEST_F(LlavaNext, BestBeamsAndScoresAreEqual) {
  for (const Json& item : cases.at("cases")) {
    const ImageFeatures features = features_of(item);
    const GenerationPrompt prompt =
        model.build_prompt({"", ids_of(item.at("input_ids_one_image_token")), {features}});
    for (const Json& beam : item.at("beam")) {
      SCOPED_TRACE(item.at("id").dump());
      expect_golden_beams(model.decoder(), prompt, beam, 1, pool);
    }
  }
}

TEST_F(LlavaNext, SeveralPicturesStandEachAtItsImageToken) {
  const Json& all = cases.at("cases");
  const std::vector<ImageFeatures> features{features_of(all[0]), features_of(all[3])};
  const GenerationPrompt one =
      model.build_prompt({"", {1, kImageToken, 9, kImageToken, 7}, features});
  ASSERT_EQ(one.ids.size(), 3U + 52U + 42U);
  EXPECT_EQ(one.embedded[0].first_token, 1U);
  EXPECT_EQ(one.embedded[1].first_token, 1U + 52U + 1U);
  EXPECT_EQ(one.embedded[1].rows.rows(), 42U);
  const GenerationPrompt expanded = model.build_prompt({"", one.ids, features});
  EXPECT_EQ(expanded.ids, one.ids);
  EXPECT_EQ(expanded.embedded[1].first_token, one.embedded[1].first_token);
  // The runs of the other order are as long together, but not each.
  EXPECT_THAT(error_message([&] {
                static_cast<void>(model.build_prompt({"", one.ids, {features[1], features[0]}}));
              }),
              HasSubstr("a picture's image tokens are not in one run"));
}

TEST_F(LlavaNext, TwoPicturesInOnePromptGiveTheLogitsAndIdsOfTransformers) {
  const SafetensorsFile expected(kTiny / "two_pictures.safetensors");
  const Json data = read_json_file(kTiny / "two_pictures.json");
  TraceRequest request;
  request.prompt.ids = ids_of(data.at("input_ids_expanded"));
  std::vector<ImageFeatures> features;
  for (const Json& number : data.at("pictures")) {
    const Json& item = cases.at("cases").at(number.get<std::size_t>());
    features.push_back(features_of(item));
    request.pictures.push_back(golden_views(golden, item));
  }
  const GenerationPrompt prompt = model.build_prompt({"", request.prompt.ids, features});
  EXPECT_EQ(greedy_ids(model.decoder(), prompt, 1.0, pool), ids_of(data.at("greedy_new_ids")));
  const Trace trace = trace_forward(model, std::move(request), pool);
  EXPECT_LT(largest_difference(trace.tensors.back().values.values(),
                               read_matrix(expected, "logits").values()),
            kLogitTolerance);
}

TEST_F(LlavaNext, AnswersATextWithoutPictures) {
  GenerationOptions options;
  options.max_tokens = 4;
  const std::vector<ModelPrompt> prompts{{"what is it", {}, {}}};
  EXPECT_FALSE(model.generate(prompts, options, {}, pool).at(0).ids.empty());
}

TEST_F(LlavaNext, PicturesOfAllShapesGiveTheSameRowsAloneAndTogether) {
  const std::vector<std::filesystem::path> files{
      kPictures / "in_300x60.png", kPictures / "in_60x300.png", kPictures / "in_37x40.png"};
  ImageFeatureCache together(model.shared_parts().vision);
  ThreadPool four(4);
  const std::vector<ImageFeatures> joint = together.get(files, four);
  for (std::size_t i = 0; i < files.size(); ++i) {
    ImageFeatureCache alone(model.shared_parts().vision);
    const ImageFeatures single = alone.get(std::span(files).subspan(i, 1), pool).at(0);
    EXPECT_TRUE(std::ranges::equal(single->values(), joint[i]->values())) << files[i];
  }
  EXPECT_NE(joint[0]->rows(), joint[2]->rows());
}

TEST_F(LlavaNext, TraceShowsViewsProjectedAndPackedRows) {
  const Json& item = cases.at("cases").at(1);
  TraceRequest request;
  request.prompt.ids = ids_of(item.at("input_ids_one_image_token"));
  request.pictures.push_back(golden_views(golden, item));
  const Trace trace = trace_forward(model, std::move(request), pool);
  std::vector<std::pair<std::string, std::vector<std::size_t>>> shapes;
  for (const TraceTensor& tensor : trace.tensors) shapes.emplace_back(tensor.name, tensor.shape);
  using Shapes = std::vector<std::pair<std::string, std::vector<std::size_t>>>;
  shapes.resize(6);
  EXPECT_EQ(shapes, (Shapes{{"pixel_values", {4, 3, 32, 32}},
                            {"vision.hidden_0", {4, 17, 32}},
                            {"vision.hidden_1", {4, 17, 32}},
                            {"vision.hidden_2", {4, 17, 32}},
                            {"projected", {4, 16, 48}},
                            {"packed_features", {76, 48}}}));
}

TEST_F(LlavaNext, RefusesOtherNumbersOfViewsThanThePicturesSizeGives) {
  PictureViews picture = golden_views(golden, cases.at("cases").at(0));
  picture.views.pop_back();
  EXPECT_THAT(
      error_message([&] { static_cast<void>(model.shared_parts().vision->look(picture, pool)); }),
      HasSubstr("a picture of 70x40 px has 5 views: 4 given"));
}

TEST(LlavaNextFiles, ImageProcessorAndConfigMustAgree) {
  ThreadPool pool(1);
  const TinyModelFolder folder;
  folder.change("preprocessor_config.json", "image_grid_pinpoints", Json::parse("[[32, 64]]"));
  EXPECT_THAT(folder.message(pool), HasSubstr("image_grid_pinpoints differ from those of config"));
  folder.change("preprocessor_config.json", "image_grid_pinpoints", nullptr);
  EXPECT_EQ(folder.message(pool), "no error");
  folder.change("preprocessor_config.json", "crop_size", 24);
  EXPECT_THAT(folder.message(pool), HasSubstr("size 32, crop_size 24x24"));
}

TEST(LlavaNextFiles, TheProcessorOfTransformers5GoesBeforeTheFileOfItsOwn) {
  ThreadPool pool(1);
  const TinyModelFolder folder;
  Json processor = read_json_file(kTiny / "preprocessor_config.json");
  folder.write("processor_config.json", {{"image_processor", processor}});
  folder.change("preprocessor_config.json", "crop_size", 24);  // not read
  EXPECT_EQ(folder.message(pool), "no error");
  folder.remove("preprocessor_config.json");
  EXPECT_EQ(folder.message(pool), "no error");
  processor["crop_size"] = 24;
  folder.write("processor_config.json", {{"image_processor", processor}});
  EXPECT_THAT(folder.message(pool),
              HasSubstr("processor_config.json: image_processor: size 32, crop_size 24x24"));
  folder.write("processor_config.json", {{"patch_size", 8}});
  EXPECT_THAT(folder.message(pool), HasSubstr("no image processor: "));
}

TEST(LlavaNextFiles, TheClassTokenHasNoPlaceInTheGrid) {
  ThreadPool pool(1);
  const TinyModelFolder folder;
  folder.change("config.json", "vision_feature_select_strategy", "full");
  EXPECT_THAT(folder.message(pool), HasSubstr("leaves 17 of 16 patches"));
}

TEST(LlavaNextFiles, ANewlineIsNeeded) {
  ThreadPool pool(1);
  const TinyModelFolder folder;
  folder.rename_tensors({{"image_newline", "multi_modal_projector.newline"}});
  EXPECT_THAT(folder.message(pool), HasSubstr("missing tensor"));
  EXPECT_THAT(folder.message(pool), HasSubstr("projector/image_newline"));
}

// SakanaAI's EvoVLM-JP is such a checkpoint: its config.json keeps image_grid_pinpoints.
TEST(LlavaNextFiles, UnderTheArchitectureOfLlava15APictureHasOneView) {
  ThreadPool pool(1);
  const TinyModelFolder folder;
  folder.change("config.json", "architectures", Json::array({"LlavaForConditionalGeneration"}));
  folder.change("config.json", "model_type", "llava");
  const Model model = folder.load(pool);
  EXPECT_FALSE(model.shared_parts().vision->geometry().tiles_pictures());
  ImageFeatureCache images(model.shared_parts().vision);
  const std::vector<std::filesystem::path> files{kPictures / "in_300x60.png"};
  EXPECT_EQ(images.get(files, pool).at(0)->rows(), 16U);
}

}  // namespace
}  // namespace vlm
