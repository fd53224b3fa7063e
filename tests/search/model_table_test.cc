#include "search/model_table.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace vlm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// One benchmark with a sample for each score; the first of every two answers is Japanese.
BenchmarkResult benchmark(const std::string& name, const std::vector<double>& scores) {
  BenchmarkResult result;
  result.benchmark = name;
  result.split = "test";
  result.data_hash = "hash of " + name;
  double sum = 0.0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    SampleRecord& sample = result.samples.emplace_back();
    sample.id = std::to_string(i);
    sample.scores = {scores[i]};
    sample.p_ja = i % 2 == 0 ? 0.9 : 0.1;
    sum += scores[i];
  }
  result.metrics = {{"rougeL", sum / static_cast<double>(scores.size())}};
  return result;
}

MeasuredModel model(const std::string& name, ComparisonRole role, const std::vector<double>& first,
                    const std::vector<double>& second) {
  return {name, role, false, {"1", name, {benchmark("ja", first), benchmark("en", second)}}};
}

const std::vector<BenchmarkMetric> kColumns{{"ja/test", "rougeL"}, {"en/test", "rougeL"}};

std::vector<MeasuredModel> two_models() {
  return {model("parent", ComparisonRole::kParent, {0.0, 0.5}, {1.0, 1.0}),
          model("evolved", ComparisonRole::kEvolved, {0.5, 1.0}, {1.0, 1.0})};
}

std::string message_of(const Json& json) {
  try {
    model_table_from_json(json, "study.db");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCorruptFile) << error.what();
    return error.what();
  }
  return "no error";
}

TEST(ModelTable, RowsHaveScoresMeanAndShareOfJapanese) {
  const std::vector<MeasuredModel> models = two_models();
  const ModelTable table = make_model_table(models, kColumns);
  ASSERT_EQ(table.rows.size(), 2U);
  EXPECT_THAT(table.rows[0].scores, ElementsAre(0.25, 1.0));
  EXPECT_DOUBLE_EQ(table.rows[0].mean, 0.625);
  EXPECT_THAT(table.rows[0].japanese, ElementsAre(0.5, 0.5));
  EXPECT_EQ(table.rows[0].role, ComparisonRole::kParent);
}

TEST(ModelTable, EveryRowButTheEvolvedSaysHowFarTheEvolvedIsAhead) {
  const std::vector<MeasuredModel> models = two_models();
  const ModelTable table = make_model_table(models, kColumns);
  ASSERT_TRUE(table.rows[0].evolved_ahead.has_value());
  EXPECT_DOUBLE_EQ(table.rows[0].evolved_ahead->difference, 0.25);  // of the means of both
  EXPECT_DOUBLE_EQ(table.rows[0].evolved_ahead->low, 0.25);         // each item is 0.5 better
  EXPECT_FALSE(table.rows[1].evolved_ahead.has_value());
}

TEST(ModelTable, RefusesResultsThatDoNotBelongTogether) {
  std::vector<MeasuredModel> models = two_models();
  models[0].result.benchmarks[1].data_hash = "other";
  EXPECT_THROW(make_model_table(models, kColumns), Error);
  models = two_models();
  models[0].result.benchmarks.pop_back();
  EXPECT_THROW(make_model_table(models, kColumns), Error);
}

TEST(ModelTable, JsonRoundTrip) {
  std::vector<MeasuredModel> models = two_models();
  models[0].blind = true;
  const ModelTable table = make_model_table(models, kColumns);
  const Json json = model_table_to_json(table);
  const ModelTable read = model_table_from_json(Json::parse(json.dump()), "study.db");
  EXPECT_EQ(model_table_to_json(read), json);
  EXPECT_TRUE(read.rows[0].blind);
  EXPECT_EQ(read.columns[1].benchmark, "en/test");
}

TEST(ModelTable, DamagedJsonIsRefusedByName) {
  const std::vector<MeasuredModel> models = two_models();
  const Json good = model_table_to_json(make_model_table(models, kColumns));
  const auto damaged = [&](const char* pointer, const Json& value) {
    Json json = good;
    json[Json::json_pointer(pointer)] = value;
    return message_of(json);
  };
  EXPECT_THAT(message_of(Json::array()), HasSubstr("study.db"));
  EXPECT_THAT(message_of(Json::object()), HasSubstr("columns"));
  EXPECT_THAT(damaged("/rows", 3), HasSubstr("rows"));
  EXPECT_THAT(damaged("/rows/0", 3), HasSubstr("study.db"));
  EXPECT_THAT(damaged("/rows/0/scores", Json::array({0.5})), HasSubstr("expected 2 numbers"));
  EXPECT_THAT(damaged("/rows/0/scores/0", "x"), HasSubstr("expected 2 numbers"));
  EXPECT_THAT(damaged("/rows/0/mean", nullptr), HasSubstr("mean"));
  EXPECT_THAT(damaged("/rows/0/role", "paernt"), HasSubstr("did you mean 'parent'?"));
  EXPECT_THAT(damaged("/rows/0/evolved_ahead", 1), HasSubstr("evolved_ahead"));
  EXPECT_THAT(damaged("/columns/0/metric", 1), HasSubstr("metric"));
}

}  // namespace
}  // namespace vlm
