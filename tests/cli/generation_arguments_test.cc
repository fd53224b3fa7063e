#include "cli/generation_arguments.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace vlm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

GenerationOverrides command_line(const std::string& words) {
  CLI::App app;
  GenerationOverrides overrides;
  add_generation_options(app, overrides);
  app.parse(words);
  return overrides;
}

GenerationOverrides line_of(const std::string& line) {
  const Json json = Json::parse(line);
  return overrides_in(JsonFields(json, "in.jsonl:1"));
}

void expect_all_options(const GenerationOptions& options) {
  EXPECT_EQ(options.max_tokens, 5U);
  EXPECT_EQ(options.min_tokens, 2U);
  EXPECT_EQ(options.num_beams, 3U);
  EXPECT_EQ(options.length_penalty, 0.5);
  EXPECT_EQ(options.early_stopping, EarlyStopping::kWhenFull);
  EXPECT_EQ(options.repetition_penalty, 1.5);
  EXPECT_EQ(options.no_repeat_ngram, 2U);
  EXPECT_EQ(options.temperature, 0.7);
  EXPECT_EQ(options.top_k, 40U);
  EXPECT_EQ(options.top_p, 0.9);
  EXPECT_EQ(options.min_p, 0.05);
  EXPECT_EQ(options.seed, 11U);
  EXPECT_THAT(options.eos_ids, ElementsAre(2, 3));
  EXPECT_THAT(options.stop, ElementsAre("a", "b"));
}

TEST(GenerationArguments, CommandLineSetsEveryOption) {
  const GenerationOverrides command = command_line(
      "--max-tokens 5 --min-tokens 2 --beams 3 --length-penalty 0.5 --early-stopping "
      "--repetition-penalty 1.5 --no-repeat-ngram 2 --temperature 0.7 --top-k 40 --top-p 0.9 "
      "--min-p 0.05 --seed 11 --eos 2 --eos 3 --stop a --stop b");
  expect_all_options(resolve({}, command, {}));
}

TEST(GenerationArguments, LineSetsEveryOption) {
  expect_all_options(resolve(
      line_of(R"({"max_tokens": 5, "beams": 3, "length_penalty": 0.5, "early_stopping": true,
                  "repetition_penalty": 1.5, "no_repeat_ngram": 2, "min_tokens": 2,
                  "temperature": 0.7, "top_k": 40, "top_p": 0.9, "min_p": 0.05, "seed": 11,
                  "eos": [2, 3], "stop": ["a", "b"]})"),
      {}, {}));
}

TEST(GenerationArguments, LineGoesBeforeCommandLineBeforeModel) {
  GenerationOptions model;
  model.temperature = 0.6;
  model.top_k = 50;
  model.max_tokens = 100;
  model.repetition_penalty = 1.1;
  const GenerationOverrides command = command_line("--max-tokens 10 --top-k 7 --early-stopping");
  const GenerationOverrides line = line_of(R"({"max_tokens": 3, "early_stopping": false})");
  const GenerationOptions options = resolve(line, command, model);
  EXPECT_EQ(options.max_tokens, 3U);
  EXPECT_EQ(options.top_k, 7U);
  EXPECT_EQ(options.early_stopping, EarlyStopping::kEstimate);
  EXPECT_EQ(options.temperature, 0.6);
  EXPECT_EQ(options.repetition_penalty, 1.1);
}

TEST(GenerationArguments, EarlyStoppingTakesAValueOrNone) {
  const auto named = [](const char* words) { return *command_line(words).early_stopping; };
  EXPECT_EQ(named("--early-stopping --beams 2"), EarlyStopping::kWhenFull);
  EXPECT_EQ(named("--early-stopping true"), EarlyStopping::kWhenFull);
  EXPECT_EQ(named("--early-stopping false"), EarlyStopping::kEstimate);
  EXPECT_EQ(named("--early-stopping=never"), EarlyStopping::kNever);
  EXPECT_EQ(line_of(R"({"early_stopping": "never"})").early_stopping, EarlyStopping::kNever);
  EXPECT_THROW(command_line("--early-stopping maybe"), CLI::ValidationError);
}

TEST(GenerationArguments, IdsAreNotNegative) {
  for (const char* words : {"--eos=-1", "--eos 2147483648", "--eos x"}) {
    EXPECT_THROW(command_line(words), CLI::ValidationError) << words;
  }
}

TEST(GenerationArguments, NothingNamedKeepsTheModelsOptions) {
  GenerationOptions model;
  model.temperature = 0.6;
  model.stop = {"x"};
  EXPECT_EQ(resolve({}, {}, model), model);
}

TEST(GenerationArguments, CutsNeedATemperatureFromSomewhere) {
  for (const char* words : {"--top-k 5", "--top-p 0.5", "--min-p 0.1"}) {
    EXPECT_THROW(resolve({}, command_line(words), {}), Error) << words;
    EXPECT_NO_THROW(resolve(line_of(R"({"temperature": 0.5})"), command_line(words), {}));
    EXPECT_NO_THROW(resolve(line_of(R"({"temperature": 0})"), command_line(words), {}));
    GenerationOptions sampling;
    sampling.temperature = 1.0;
    EXPECT_NO_THROW(resolve({}, command_line(words), sampling));
  }
  EXPECT_NO_THROW(resolve({}, command_line("--top-k 0 --top-p 1 --min-p 0"), {}));
}

TEST(GenerationArguments, EndsAreOneValueOrAList) {
  EXPECT_THAT(*line_of(R"({"eos": 3})").eos_ids, ElementsAre(3));
  EXPECT_THAT(*line_of(R"({"eos": [3, 4]})").eos_ids, ElementsAre(3, 4));
  EXPECT_THAT(*line_of(R"({"eos": []})").eos_ids, ElementsAre());
  EXPECT_THAT(*line_of(R"({"stop": "x"})").stop, ElementsAre("x"));
  EXPECT_THAT(*line_of(R"({"stop": ["x", "y"]})").stop, ElementsAre("x", "y"));
}

TEST(GenerationArguments, WrongTypesAreRefusedWithThePlace) {
  for (const char* line :
       {R"({"eos": -1})", R"({"eos": [1.5]})", R"({"eos": 3000000000})", R"({"stop": 1})",
        R"({"stop": [null]})", R"({"max_tokens": -1})", R"({"beams": "2"})",
        R"({"early_stopping": 1})", R"({"length_penalty": "x"})", R"({"top_k": -1})",
        R"({"temperature": "0.5"})", R"({"seed": -1})"}) {
    try {
      static_cast<void>(line_of(line));
      ADD_FAILURE() << line;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("in.jsonl:1")) << line;
    }
  }
}

}  // namespace
}  // namespace vlm
