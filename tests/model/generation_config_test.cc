#include "model/generation_config.h"

#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "core/error.h"
#include "core/files.h"
#include "tests/error_message.h"

namespace vlm {
namespace {

class GenerationConfigTest : public testing::Test {
 protected:
  GenerationConfigTest() { std::filesystem::create_directories(folder_); }
  ~GenerationConfigTest() override { std::filesystem::remove_all(folder_); }
  GenerationConfigTest(const GenerationConfigTest&) = delete;
  GenerationConfigTest& operator=(const GenerationConfigTest&) = delete;
  GenerationConfigTest(GenerationConfigTest&&) = delete;
  GenerationConfigTest& operator=(GenerationConfigTest&&) = delete;

  [[nodiscard]] GenerationOptions read(const std::string& content) const {
    write_file_atomically(folder_ / "generation_config.json", content);
    return generation_defaults(folder_);
  }

  std::filesystem::path folder_ = std::filesystem::temp_directory_path() /
                                  ("vlm_generation_config_" + std::to_string(::getpid()) + "_" +
                                   testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(GenerationConfigTest, WithoutAFileNothingChanges) {
  EXPECT_EQ(generation_defaults(folder_), GenerationOptions{});
  EXPECT_EQ(read(R"({"bos_token_id": 1, "eos_token_id": 2})"), GenerationOptions{});
}

// Qwen2's file, shortened.
TEST_F(GenerationConfigTest, SamplingFileGivesItsValues) {
  const GenerationOptions options = read(
      R"({"do_sample": true, "repetition_penalty": 1.05, "temperature": 0.7, "top_p": 0.8,
          "top_k": 20, "min_p": 0.1, "eos_token_id": [151645, 151643], "max_new_tokens": 99})");
  EXPECT_EQ(options.temperature, 0.7);
  EXPECT_EQ(options.top_p, 0.8);
  EXPECT_EQ(options.top_k, 20U);
  EXPECT_EQ(options.min_p, 0.1);
  EXPECT_EQ(options.repetition_penalty, 1.05);
  EXPECT_EQ(options.max_tokens, 99U);
}

TEST_F(GenerationConfigTest, SamplingFileHasTransformersDefaults) {
  const GenerationOptions options = read(R"({"do_sample": true})");
  EXPECT_EQ(options.temperature, 1.0);
  EXPECT_EQ(options.top_k, 50U);
  EXPECT_EQ(options.top_p, 1.0);
  EXPECT_EQ(options.min_p, 0.0);
}

TEST_F(GenerationConfigTest, FileThatDoesNotSampleHasNoTemperature) {
  for (const char* file : {R"({"temperature": 0.9, "top_p": 0.6, "top_k": 5})",
                           R"({"do_sample": false, "temperature": 0.9, "min_p": 0.6})"}) {
    EXPECT_EQ(read(file), GenerationOptions{}) << file;
  }
}

TEST_F(GenerationConfigTest, BeamsAndRulesAreRead) {
  const GenerationOptions options = read(
      R"({"num_beams": 4, "length_penalty": 0.5, "early_stopping": true, "min_new_tokens": 3,
          "no_repeat_ngram_size": 2})");
  EXPECT_EQ(options.num_beams, 4U);
  EXPECT_EQ(options.length_penalty, 0.5);
  EXPECT_EQ(options.early_stopping, EarlyStopping::kWhenFull);
  EXPECT_EQ(read(R"({"early_stopping": "never"})").early_stopping, EarlyStopping::kNever);
  EXPECT_EQ(read(R"({"early_stopping": null})"), GenerationOptions{});
  EXPECT_EQ(options.min_tokens, 3U);
  EXPECT_EQ(options.no_repeat_ngram, 2U);
}

TEST_F(GenerationConfigTest, StopStringsAreATextOrAList) {
  EXPECT_THAT(read(R"({"stop_strings": "###"})").stop, testing::ElementsAre("###"));
  EXPECT_THAT(read(R"({"stop_strings": ["a", "b"]})").stop, testing::ElementsAre("a", "b"));
  EXPECT_EQ(read(R"({"stop_strings": null})"), GenerationOptions{});
}

TEST_F(GenerationConfigTest, WhatWouldChangeAnswersAndIsNotDoneIsRefusedByName) {
  for (const char* pair :
       {R"("suppress_tokens": [1, 2])", R"("begin_suppress_tokens": [220])",
        R"("bad_words_ids": [[5]])", R"("forced_bos_token_id": 0)", R"("forced_eos_token_id": 2)",
        R"("forced_eos_token_id": [2])", R"("num_beam_groups": 2)", R"("diversity_penalty": 0.5)",
        R"("penalty_alpha": 0.6)", R"("guidance_scale": 1.5)", R"("sequence_bias": [[[1], 2.0]])",
        R"("exponential_decay_length_penalty": [5, 1.1])", R"("renormalize_logits": true)",
        R"("do_sample": true, "typical_p": 0.9)", R"("do_sample": true, "epsilon_cutoff": 0.0003)",
        R"("do_sample": true, "eta_cutoff": 0.0003)", R"("dola_layers": "high")"}) {
    const std::string text = pair;
    const std::size_t value = text.rfind(": ");
    const std::string message = error_message([&] { static_cast<void>(read("{" + text + "}")); });
    EXPECT_THAT(message, testing::StartsWith("not supported: ")) << pair;
    EXPECT_THAT(message, testing::HasSubstr("generation_config.json: ")) << pair;
    const std::size_t name = text.rfind('"', value - 2) + 1;
    EXPECT_THAT(message, testing::HasSubstr(text.substr(name, value - 1 - name) + " = ")) << pair;
  }
}

// What transformers 4 wrote into every file, and what does nothing without sampling.
TEST_F(GenerationConfigTest, NeutralValuesChangeNothing) {
  EXPECT_EQ(read(R"({"suppress_tokens": null, "begin_suppress_tokens": [], "bad_words_ids": null,
               "num_beam_groups": 1, "diversity_penalty": 0.0, "encoder_repetition_penalty": 1.0,
               "encoder_no_repeat_ngram_size": 0, "guidance_scale": 1, "penalty_alpha": 0,
               "renormalize_logits": false, "sequence_bias": {}, "typical_p": 0.9, "top_h": 0.4,
               "epsilon_cutoff": 0.001, "remove_invalid_values": false, "use_cache": true,
               "transformers_version": "4.44.0", "_from_model_config": true})"),
            GenerationOptions{});
}

TEST_F(GenerationConfigTest, BadValuesAreRefusedWithTheFile) {
  for (const char* file :
       {"[]", "{", R"({"do_sample": 1})", R"({"do_sample": true, "temperature": 0})",
        R"({"do_sample": true, "top_k": -1})", R"({"max_new_tokens": "9"})",
        R"({"early_stopping": "always"})", R"({"num_beams": 1.5})", R"({"stop_strings": 1})",
        R"({"stop_strings": [""]})"}) {
    try {
      static_cast<void>(read(file));
      ADD_FAILURE() << file;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("generation_config.json")) << file;
    }
  }
}

}  // namespace
}  // namespace vlm
