// What a model takes and refuses, and the parts that models share.

#include "model/model.h"

#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "checkpoint/file_checkpoint.h"
#include "core/error.h"
#include "core/files.h"
#include "tests/error_message.h"

namespace vlm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::filesystem::path kProject = VLM_PROJECT_DIR;
const std::filesystem::path kModels = kProject / "zoo/models";
const std::filesystem::path kPictures = kProject / "datasets/ja-emoji-vqa/test/images";
constexpr TokenId kImageToken = 2560;

class VisionModel : public testing::Test {
 protected:
  std::vector<ImageFeatures> features(const std::vector<std::filesystem::path>& files) {
    return images.get(files, pool);
  }

  std::string message_for(const ModelPrompt& prompt) {
    return error_message([&] { static_cast<void>(model.build_prompt(prompt)); });
  }

  ThreadPool pool{2};
  Model model{FileCheckpoint(kModels / "en-vlm"), pool};
  ImageFeatureCache images{model.shared_parts().vision};
};

TEST(LanguageModel, RunsWithTokenizerJsonOrTokenizerModelAlone) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("vlm_one_tokenizer_" + std::to_string(::getpid()));
  ThreadPool pool(1);
  std::vector<std::vector<TokenId>> prompts;
  for (const char* const missing : {"", "tokenizer.json", "tokenizer.model"}) {
    std::filesystem::copy(kModels / "base-lm", folder);
    if (*missing != '\0') std::filesystem::remove(folder / missing);
    const Model model(FileCheckpoint(folder), pool);
    prompts.push_back(model.build_prompt({"a cat 猫", {}, {}}).ids);
    std::filesystem::remove_all(folder);
  }
  EXPECT_GT(prompts[0].size(), 1U);
  EXPECT_EQ(prompts[1], prompts[0]);
  EXPECT_EQ(prompts[2], prompts[0]);
}

TEST_F(VisionModel, ExpandsEachImageTokenToItsPicturesRows) {
  const auto pictures = features({kPictures / "t0000.png", kPictures / "t0001.png"});
  const GenerationPrompt built =
      model.build_prompt({"", {1, kImageToken, 9, kImageToken}, pictures});
  ASSERT_EQ(built.ids.size(), 2U + 2U * 64U);
  ASSERT_EQ(built.embedded.size(), 2U);
  EXPECT_EQ(built.embedded[0].first_token, 1U);
  EXPECT_EQ(built.embedded[1].first_token, 66U);
  EXPECT_EQ(built.embedded[1].rows.data(), pictures[1]->view().data());
}

TEST_F(VisionModel, TakesImageTokensThatAreExpandedAlready) {
  const auto pictures = features({kPictures / "t0000.png"});
  std::vector<TokenId> ids{1};
  ids.insert(ids.end(), 64, kImageToken);
  ids.push_back(9);
  EXPECT_EQ(model.build_prompt({"", ids, pictures}).ids, ids);
  std::swap(ids[64], ids[65]);  // 9 now splits the run
  EXPECT_THAT(message_for({"", ids, pictures}), HasSubstr("64 expected: 63 seen"));
}

TEST_F(VisionModel, RefusesOtherNumbersOfImageTokensThanPictures) {
  const auto pictures = features({kPictures / "t0000.png"});
  EXPECT_THAT(message_for({"no place for it", {}, pictures}),
              HasSubstr("1 pictures: 0 <image> in the prompt"));
  EXPECT_THAT(message_for({"<image><image>", {}, pictures}), HasSubstr("1 pictures: 2 <image>"));
  EXPECT_THAT(message_for({"<image>", {}, {}}), HasSubstr("0 pictures: 1 <image>"));
}

TEST_F(VisionModel, AnswersWithoutPictureWhenThePromptHasNone) {
  EXPECT_THAT(model.build_prompt({"", {1, 330}, {}}).ids, ElementsAre(1, 330));
}

TEST_F(VisionModel, FeaturesOfAPictureAreComputedOnce) {
  const std::filesystem::path file = kPictures / "t0000.png";
  const auto first = features({file, kPictures / "t0001.png", file});
  EXPECT_EQ(first[0], first[2]);
  EXPECT_NE(first[0], first[1]);
  EXPECT_EQ(features({file})[0], first[0]);
}

TEST_F(VisionModel, FeaturesWithoutRoomAreComputedEachTime) {
  const std::vector<std::filesystem::path> files{kPictures / "t0000.png", kPictures / "t0001.png"};
  const std::size_t one_picture = std::size_t{64} * 192 * sizeof(float);
  ImageFeatureCache small(model.shared_parts().vision, ImagePolicy::kPillow, one_picture);
  EXPECT_EQ(small.pictures_at_a_time(), 1U);
  const std::vector<ImageFeatures> first = small.get(files, pool);
  const std::vector<ImageFeatures> again = small.get(files, pool);
  EXPECT_EQ(first[0], again[0]);
  EXPECT_NE(first[1], again[1]);
  EXPECT_TRUE(std::ranges::equal(first[1]->values(), again[1]->values()));
  const std::size_t four_pictures = 4 * one_picture;
  ImageFeatureCache larger(model.shared_parts().vision, ImagePolicy::kPillow, four_pictures);
  EXPECT_EQ(larger.pictures_at_a_time(), 2U);
}

TEST_F(VisionModel, FeaturesDoNotDependOnThePicturesBesideThem) {
  const std::filesystem::path file = kPictures / "t0000.png";
  const auto alone = features({file});
  ImageFeatureCache other(model.shared_parts().vision);
  ThreadPool one(1);
  const auto together =
      other.get(std::vector{kPictures / "t0001.png", file, kPictures / "t0002.png"}, one);
  EXPECT_TRUE(std::ranges::equal(alone[0]->values(), together[1]->values()));
}

TEST_F(VisionModel, AMissingPictureLeavesTheFeaturesComputedBefore) {
  const auto before = features({kPictures / "t0000.png"});
  EXPECT_THROW(features({kPictures / "t0000.png", kPictures / "none.png"}), Error);
  EXPECT_EQ(features({kPictures / "t0000.png"})[0], before[0]);
}

TEST(TextModel, RefusesPictures) {
  ThreadPool pool(1);
  const Model model(FileCheckpoint(kModels / "base-lm"), pool);
  EXPECT_FALSE(model.sees_images());
  const ImageFeatures picture = std::make_shared<const Matrix<float>>(64, 192);
  EXPECT_THAT(error_message([&] {
                static_cast<void>(model.build_prompt({"a", {}, {picture}}));
              }),
              HasSubstr("a text model cannot see pictures: 1 given"));
}

TEST(Model, ReplacedLanguageModelAnswersAsIfLoaded) {
  ThreadPool pool(2);
  const FileCheckpoint japanese(kModels / "ja-lm");
  const FileCheckpoint maths(kModels / "math-lm");
  Model reused(maths, pool);
  reused.replace_language_model(japanese, pool);
  const Model loaded(japanese, pool);
  const std::vector<ModelPrompt> prompts{{"左に何がありますか？", {}, {}}};
  GenerationOptions options;
  options.max_tokens = 12;
  const Generation expected = loaded.generate(prompts, options, {}, pool).at(0);
  const Generation found = reused.generate(prompts, options, {}, pool).at(0);
  EXPECT_EQ(found.ids, expected.ids);
  EXPECT_EQ(found.score, expected.score);
}

TEST(Model, RefusesToTakeALanguageModelOfOtherShapes) {
  ThreadPool pool(1);
  Model model(FileCheckpoint(kModels / "base-lm"), pool);
  const FileCheckpoint larger(kModels / "en-vlm");
  EXPECT_THAT(error_message([&] { model.replace_language_model(larger, pool); }),
              HasSubstr("is [2624, 192], expected [2560, 192]"));
}

// A copy of a bundled model with other side files; the weights are linked.
class EndIds : public testing::Test {
 protected:
  EndIds() {
    std::filesystem::create_directories(folder);
    for (const char* name : {"model.safetensors", "tokenizer.model", "tokenizer_config.json"}) {
      std::filesystem::create_symlink(kModels / "base-lm" / name, folder / name);
    }
    config = read_json_file(kModels / "base-lm/config.json");
  }
  ~EndIds() override { std::filesystem::remove_all(folder); }
  EndIds(const EndIds&) = delete;
  EndIds& operator=(const EndIds&) = delete;
  EndIds(EndIds&&) = delete;
  EndIds& operator=(EndIds&&) = delete;

  Model load() {
    write_file_atomically(folder / "config.json", config.dump());
    ThreadPool pool(1);
    return {FileCheckpoint(folder), pool};
  }

  std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("vlm_end_ids_" + std::to_string(::getpid()));
  Json config;
};

TEST_F(EndIds, ComeFromGenerationConfigThenConfigThenTokenizer) {
  config.erase("eos_token_id");
  EXPECT_THAT(load().end_ids(), ElementsAre(2));
  config["eos_token_id"] = 7;
  EXPECT_THAT(load().end_ids(), ElementsAre(7));
  write_file_atomically(folder / "generation_config.json", R"({"eos_token_id": [5, 6]})");
  EXPECT_THAT(load().end_ids(), ElementsAre(5, 6));
}

TEST_F(EndIds, ThatAreNoIdsAreRefused) {
  for (const char* bad : {"-1", "\"2\"", "1.5", "[2, null]", "99999999999"}) {
    config["eos_token_id"] = Json::parse(bad);
    EXPECT_THAT(error_message([&] { load(); }), HasSubstr("eos_token_id")) << bad;
  }
}

}  // namespace
}  // namespace vlm
