#include "search/search_config.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/error_message.h"

namespace vlm {
namespace {

using testing::HasSubstr;

constexpr const char* kSmallest = R"(study: s
recipe: {merge_method: linear}
objectives: [{benchmark: ja-math/search, metric: acc_ja}]
)";

SearchConfig parse(const std::string& yaml) {
  return parse_search_config(yaml, "folder/search.yaml");
}

std::string message_of(const std::string& yaml) {
  return error_message([&] { parse(yaml); });
}

// The error of the smallest file with more lines behind it.
std::string message_with(const std::string& more) {
  return message_of(kSmallest + more);
}

TEST(SearchConfig, SmallestFileHasTheDefaults) {
  const SearchConfig config = parse(kSmallest);
  EXPECT_EQ(config.study, "s");
  EXPECT_EQ(config.folder, "folder");
  EXPECT_EQ(config.text, kSmallest);
  EXPECT_EQ(config.optimizer.population, 0U);
  EXPECT_DOUBLE_EQ(config.optimizer.sigma, 1.0 / 6.0);
  EXPECT_EQ(config.optimizer.trials, 100U);
  EXPECT_EQ(config.optimizer.seed, 42U);
  ASSERT_EQ(config.objectives.size(), 1U);
  EXPECT_EQ(config.objectives[0].weight, 1.0);
  EXPECT_EQ(config.objectives[0].limit, 0U);
  EXPECT_EQ(config.holdout, 0.0);
  EXPECT_FALSE(config.output.has_value());
}

TEST(SearchConfig, EveryKeyIsRead) {
  const SearchConfig config = parse(R"(study: all
recipe: {merge_method: linear}
space: parameter
optimizer: {name: cma-es, population: 8, sigma: 0.25, trials: 40, seed: 3}
objectives: [{benchmark: ja-emoji-vqa/search, metric: rougeL_ja, weight: 2, limit: 10}]
validation: {holdout: 0.2}
test: [{benchmark: ja-emoji-vqa, metric: rougeL_ja}]
compare:
  - {name: one, role: parent, model: zoo/models/en-vlm}
  - name: two
    role: uniform
    recipe: {merge_method: linear, models: [{model: a, parameters: {weight: 1}}]}
output: out
)");
  EXPECT_EQ(config.optimizer.population, 8U);
  EXPECT_EQ(config.optimizer.sigma, 0.25);
  EXPECT_EQ(config.optimizer.trials, 40U);
  EXPECT_EQ(config.optimizer.seed, 3U);
  EXPECT_EQ(config.objectives[0].weight, 2.0);
  EXPECT_EQ(config.objectives[0].limit, 10U);
  EXPECT_EQ(config.holdout, 0.2);
  ASSERT_EQ(config.test.size(), 1U);
  EXPECT_EQ(config.test[0].column.benchmark, "ja-emoji-vqa/test");
  ASSERT_EQ(config.compare.size(), 2U);
  EXPECT_EQ(config.compare[0].model, "zoo/models/en-vlm");
  EXPECT_EQ(config.compare[1].role, ComparisonRole::kUniform);
  EXPECT_THAT(config.compare[1].recipe, HasSubstr("merge_method: linear"));
  EXPECT_EQ(config.output, "out");
}

TEST(SearchConfig, SeedsMayBeLarge) {
  const SearchConfig config =
      parse(std::string(kSmallest) + "optimizer: {seed: 18446744073709551615}\n");
  EXPECT_EQ(config.optimizer.seed, 18446744073709551615U);
  EXPECT_THAT(message_with("optimizer: {seed: -1}"), HasSubstr("seed"));
  EXPECT_THAT(message_with("optimizer: {seed: 1.5}"), HasSubstr("seed"));
  EXPECT_THAT(message_with("optimizer: {seed: 18446744073709551616}"), HasSubstr("seed"));
}

TEST(SearchConfig, UnknownKeysAreRefusedWithTheNearest) {
  EXPECT_THAT(message_with("outptu: x"), HasSubstr("search.yaml:4: 'outptu' (did you mean"));
  EXPECT_THAT(message_with("optimizer: {populatoin: 4}"), HasSubstr("did you mean 'population'?"));
  EXPECT_THAT(message_with("optimizer: {name: greedy-soup, sigma: 0.1}"),
              HasSubstr("key of another optimizer than greedy-soup"));
  EXPECT_THAT(message_with("validation: {holdot: 0.1}"), HasSubstr("did you mean 'holdout'?"));
  EXPECT_THAT(message_with("test: [{benchmark: ja-math, metrik: acc}]"),
              HasSubstr("did you mean 'metric'?"));
  EXPECT_THAT(message_with("compare: [{nam: a}]"), HasSubstr("did you mean 'name'?"));
  EXPECT_THAT(message_of("study: s\nrecipe: {a: 1}\nobjectives: [{benchmark: x, limt: 1}]\n"),
              HasSubstr("did you mean 'limit'?"));
}

TEST(SearchConfig, UnknownNamesAreRefusedWithTheNearest) {
  EXPECT_THAT(message_with("optimizer: {name: nsga}"), HasSubstr("unknown optimizer"));
  EXPECT_THAT(message_with("space: data-flow"), HasSubstr("unknown search space"));
  EXPECT_THAT(message_with("test: [{benchmark: ja-meth, metric: acc}]"),
              HasSubstr("did you mean 'ja-math'?"));
  EXPECT_THAT(message_with("test: [{benchmark: ja-math, metric: rogueL}]"),
              HasSubstr("did you mean 'rougeL'?"));
  EXPECT_THAT(message_with("compare: [{name: a, role: paernt, model: b}]"),
              HasSubstr("did you mean 'parent'?"));
}

TEST(SearchConfig, MissingPartsAreNamed) {
  EXPECT_THAT(message_of("recipe: {a: 1}\n"), HasSubstr("'study' is missing"));
  EXPECT_THAT(message_of("study: s\n"), HasSubstr("a search needs a recipe"));
  EXPECT_THAT(message_of("study: s\nrecipe: [1]\n"), HasSubstr("a search needs a recipe"));
  EXPECT_THAT(message_of("study: s\nrecipe: {a: 1}\n"), HasSubstr("a search needs objectives"));
  EXPECT_THAT(message_of("study: s\nrecipe: {a: 1}\nobjectives: {}\n"),
              HasSubstr("expected a list"));
  EXPECT_THAT(message_with("compare: [{name: a, role: parent}]"),
              HasSubstr("either 'model' or 'recipe': folder/search.yaml:4: a"));
  EXPECT_THAT(message_with("compare: [{name: a, role: parent, model: b, recipe: {c: 1}}]"),
              HasSubstr("either 'model' or 'recipe'"));
  EXPECT_THAT(message_of("just text"), HasSubstr("must be a mapping"));
  EXPECT_THAT(message_of(""), HasSubstr("search.yaml"));
}

TEST(SearchConfig, NumbersOutOfRangeAreRefused) {
  for (const char* value : {"3", "0", "-4", "4.5", "many"}) {
    EXPECT_THAT(message_with(std::string("optimizer: {population: ") + value + "}"),
                HasSubstr("population"))
        << value;
  }
  for (const char* value : {"0", "-0.1", "1.01", ".nan", "wide"}) {
    EXPECT_THAT(message_with(std::string("optimizer: {sigma: ") + value + "}"), HasSubstr("sigma"))
        << value;
  }
  for (const char* value : {"0", "-1", "1e99"}) {
    EXPECT_THAT(message_with(std::string("optimizer: {trials: ") + value + "}"),
                HasSubstr("trials"))
        << value;
  }
  for (const char* value : {"-0.1", "0.95", "1", ".inf"}) {
    EXPECT_THAT(message_with(std::string("validation: {holdout: ") + value + "}"),
                HasSubstr("holdout"))
        << value;
  }
  for (const char* weight : {"0", "-1", ".nan"}) {
    EXPECT_THAT(message_of(std::string("study: s\nrecipe: {a: 1}\nobjectives: "
                                       "[{benchmark: ja-math, metric: acc, weight: ") +
                           weight + "}]\n"),
                HasSubstr("weight"))
        << weight;
  }
}

TEST(SearchConfig, ComparedModelsHaveNamesOfTheirOwn) {
  EXPECT_THAT(message_with("compare: [{name: a, role: parent, model: b}, "
                           "{name: a, role: control, model: c}]"),
              HasSubstr("two compared models have the same name"));
  EXPECT_THAT(message_with("compare: [{name: evolved, role: parent, model: b}]"),
              HasSubstr("evolved"));
  EXPECT_THAT(message_with("compare: [{name: a, role: evolved, model: b}]"), HasSubstr("evolved"));
}

TEST(SearchConfig, AnObjectiveIsListedOnce) {
  EXPECT_THAT(message_of("study: s\nrecipe: {a: 1}\nobjectives: [{benchmark: ja-math, metric: acc},"
                         " {benchmark: ja-math/test, metric: acc, limit: 3}]\n"),
              HasSubstr("objective is there twice"));
}

TEST(SearchConfig, ATestBenchmarkIsNoObjective) {
  EXPECT_THAT(message_with("test: [{benchmark: ja-math, metric: acc},\n"
                           "       {benchmark: ja-math/search, metric: acc}]"),
              HasSubstr("test benchmark is an objective of the search: folder/search.yaml:5: "
                        "ja-math/search"));
  EXPECT_THAT(message_with("test: [{benchmark: ja-math/search=x.jsonl, metric: acc}]"),
              HasSubstr("test benchmark is an objective"));
}

TEST(SearchConfig, UnknownNamesAreFoundByTheirLine) {
  EXPECT_THAT(message_with("test: [{benchmark: ja-math,\n  metric: rogueL_ja}]"),
              HasSubstr("folder/search.yaml:5: unknown metric: 'rogueL_ja' (did you mean"));
  EXPECT_THAT(message_with("test: [{metric: acc,\n  benchmark: ja-meth}]"),
              HasSubstr("folder/search.yaml:5: unknown benchmark: 'ja-meth'"));
  EXPECT_THAT(message_with("compare:\n  - name: a\n    role: parent\n    recipe:\n"
                           "      merge_method: linear\n      modelz: []\n"),
              HasSubstr("folder/search.yaml:9: 'modelz' (did you mean 'models'?)"));
}

TEST(SearchConfig, ARecipeIsNoSearchFile) {
  EXPECT_THAT(message_of("merge_method: linear\nmodels: []\n"),
              HasSubstr("(this is a recipe: use vlm-merge merge)"));
}

TEST(ComparisonRoles, HaveTheirNames) {
  for (const ComparisonRole role :
       {ComparisonRole::kParent, ComparisonRole::kControl, ComparisonRole::kUniform,
        ComparisonRole::kUntuned, ComparisonRole::kEvolved}) {
    EXPECT_EQ(comparison_role(to_string(role), "x"), role);
  }
}

}  // namespace
}  // namespace vlm
