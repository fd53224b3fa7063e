#include "eval/result_json.h"

#include <filesystem>
#include <functional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/eval/example_result.h"

namespace vlm {
namespace {

using testing::HasSubstr;

TEST(ResultJson, RoundTripKeepsEveryDigit) {
  EvaluationResult written = example_result({1.0 / 3.0, 0.1, 1.00004});
  written.benchmarks[0].options.repetition_penalty = 1.5;
  const std::string path = testing::TempDir() + "result.json";
  write_result_file(path, written);
  const EvaluationResult read = read_result_file(path);
  std::filesystem::remove(path);
  EXPECT_EQ(result_to_json(read), result_to_json(written));
  EXPECT_EQ(read.model, "model");
  EXPECT_EQ(read.benchmarks[0].samples[0].scores[0], 1.0 / 3.0);
  EXPECT_EQ(read.benchmarks[0].options.stop_strings.at(0), "Response");
}

TEST(ResultJson, MetricsKeepTheirOrder) {
  EvaluationResult result = example_result({1.0});
  result.benchmarks[0].metrics = {{"z", 1.0}, {"a", 0.5}};
  result.benchmarks[0].samples[0].scores = {1.0, 0.5};
  const EvaluationResult read = result_from_json(result_to_json(result), "r");
  EXPECT_EQ(read.benchmarks[0].metrics[0].metric, "z");
  EXPECT_EQ(read.benchmarks[0].samples[0].scores[1], 0.5);
}

struct Damage {
  std::string name;
  std::function<void(Json&)> apply;
  std::string message;
};

class DamagedResult : public testing::TestWithParam<Damage> {};

TEST_P(DamagedResult, IsRefusedWithTheReason) {
  Json json = result_to_json(example_result({0.0, 1.0}));
  GetParam().apply(json);
  try {
    result_from_json(json, "r.json");
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCorruptFile);
    EXPECT_THAT(error.what(), HasSubstr(GetParam().message));
    EXPECT_THAT(error.what(), HasSubstr("r.json"));
  }
}

Json& first(Json& json) {
  return json["benchmarks"][0];
}

INSTANTIATE_TEST_SUITE_P(
    ResultJson, DamagedResult,
    testing::Values(
        Damage{"NoObject", [](Json& j) { j = 3; }, "r.json"},
        Damage{"Format", [](Json& j) { j["format"] = "x"; }, "not an evaluation result"},
        Damage{"UnknownKey", [](Json& j) { j["modle"] = 1; }, "did you mean 'model'?"},
        Damage{"NoBenchmarks", [](Json& j) { j.erase("benchmarks"); }, "'benchmarks'"},
        Damage{"BenchmarkIsText", [](Json& j) { first(j) = "x"; }, "benchmark 0"},
        Damage{"RepeatedId",
               [](Json& j) {
                 first(j)["ids"] = {"0", "0"};
               },
               "repeated id"},
        Damage{"IdIsNumber", [](Json& j) { first(j)["ids"][0] = 0; }, "not a text"},
        Damage{"TooFewScores", [](Json& j) { first(j)["scores"]["acc"] = {0.0}; },
               "wrong number of scores"},
        Damage{"ScoreTooLarge", [](Json& j) { first(j)["scores"]["acc"][0] = 2; },
               "outside [0, 1]"},
        Damage{"ScoreIsText", [](Json& j) { first(j)["scores"]["acc"][0] = "1"; }, "not a number"},
        Damage{"MeanLies", [](Json& j) { first(j)["metrics"]["acc"] = 0.9; },
               "does not belong to the scores"},
        Damage{"MetricWithoutOrder", [](Json& j) { first(j)["metrics"]["acd"] = 0.9; },
               "did you mean 'acc'?"},
        Damage{"RepeatedMetric",
               [](Json& j) {
                 first(j)["metric_order"] = {"acc", "acc"};
               },
               "repeated metric"},
        Damage{"SampleCount", [](Json& j) { first(j)["num_samples"] = 3; },
               "wrong number of samples"},
        Damage{"Beams", [](Json& j) { first(j)["generation"]["num_beams"] = -1; }, "num_beams"}),
    [](const auto& tested) { return tested.param.name; });

TEST(SamplesJsonl, RoundTrip) {
  const auto samples = samples_from_jsonl(samples_to_jsonl(example_result({0.0, 1.0})), "s");
  ASSERT_EQ(samples.size(), 2U);
  EXPECT_EQ(samples[1].benchmark, "ja-math");
  EXPECT_EQ(samples[1].metrics, std::vector<std::string>{"acc"});
  EXPECT_EQ(samples[1].record.id, "1");
  EXPECT_EQ(samples[1].record.question, "問1");
  EXPECT_EQ(samples[1].record.prediction, "答えは\"1\"");
  EXPECT_EQ(samples[1].record.scores.at(0), 1.0);
  EXPECT_EQ(samples[1].record.p_ja, 0.75);
}

TEST(SamplesJsonl, RefusesUnknownKeysAndBadScores) {
  EXPECT_THROW(samples_from_jsonl("{\"x\":1}", "s"), Error);
  std::string text = samples_to_jsonl(example_result({1.0}));
  text.replace(text.find("\"acc\":1.0"), 9, "\"acc\":1e9");
  EXPECT_THROW(samples_from_jsonl(text, "s"), Error);
}

}  // namespace
}  // namespace vlm
