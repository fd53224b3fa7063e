#include "cli/generation_arguments.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace vlm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

GenerationOptions options_of(const std::string& line) {
  const Json json = Json::parse(line);
  GenerationOptions options;
  options.eos_ids = {7};
  options.stop = {"end"};
  return overridden(options, JsonFields(json, "in.jsonl:1"));
}

TEST(GenerationArguments, CommandLineSetsEveryOption) {
  CLI::App app;
  GenerationOptions options;
  add_generation_options(app, options);
  app.parse(
      "--max-tokens 5 --min-tokens 2 --beams 3 --length-penalty 0.5 --early-stopping "
      "--repetition-penalty 1.5 --no-repeat-ngram 2 --eos 2 --eos 3 --stop a --stop b");
  EXPECT_EQ(options.max_tokens, 5U);
  EXPECT_EQ(options.min_tokens, 2U);
  EXPECT_EQ(options.num_beams, 3U);
  EXPECT_EQ(options.length_penalty, 0.5);
  EXPECT_TRUE(options.early_stopping);
  EXPECT_EQ(options.repetition_penalty, 1.5);
  EXPECT_EQ(options.no_repeat_ngram, 2U);
  EXPECT_THAT(options.eos_ids, ElementsAre(2, 3));
  EXPECT_THAT(options.stop, ElementsAre("a", "b"));
}

TEST(GenerationArguments, LineOverridesWhatItNames) {
  const GenerationOptions options = options_of(
      R"({"max_tokens": 5, "beams": 3, "length_penalty": 0.5, "early_stopping": true,
          "repetition_penalty": 1.5, "no_repeat_ngram": 2, "min_tokens": 1})");
  EXPECT_EQ(options.max_tokens, 5U);
  EXPECT_EQ(options.min_tokens, 1U);
  EXPECT_EQ(options.num_beams, 3U);
  EXPECT_EQ(options.length_penalty, 0.5);
  EXPECT_TRUE(options.early_stopping);
  EXPECT_EQ(options.repetition_penalty, 1.5);
  EXPECT_EQ(options.no_repeat_ngram, 2U);
  EXPECT_THAT(options.eos_ids, ElementsAre(7));
  EXPECT_THAT(options.stop, ElementsAre("end"));
}

TEST(GenerationArguments, EndsAreOneValueOrAList) {
  EXPECT_THAT(options_of(R"({"eos": 3})").eos_ids, ElementsAre(3));
  EXPECT_THAT(options_of(R"({"eos": [3, 4]})").eos_ids, ElementsAre(3, 4));
  EXPECT_THAT(options_of(R"({"eos": []})").eos_ids, ElementsAre());
  EXPECT_THAT(options_of(R"({"stop": "x"})").stop, ElementsAre("x"));
  EXPECT_THAT(options_of(R"({"stop": ["x", "y"]})").stop, ElementsAre("x", "y"));
}

TEST(GenerationArguments, WrongTypesAreRefusedWithThePlace) {
  for (const char* line :
       {R"({"eos": -1})", R"({"eos": [1.5]})", R"({"eos": 3000000000})", R"({"stop": 1})",
        R"({"stop": [null]})", R"({"max_tokens": -1})", R"({"beams": "2"})",
        R"({"early_stopping": 1})", R"({"length_penalty": "x"})"}) {
    try {
      options_of(line);
      ADD_FAILURE() << line;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("in.jsonl:1")) << line;
    }
  }
}

TEST(GenerationArguments, EveryOverrideIsAmongTheKnownKeys) {
  EXPECT_EQ(generation_override_keys().size(), 9U);
}

}  // namespace
}  // namespace vlm
