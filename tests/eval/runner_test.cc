#include "eval/runner.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/error.h"
#include "eval/result_json.h"
#include "tests/eval/golden_lines.h"

namespace vlm {
namespace {

class Runner : public testing::Test {
 protected:
  Benchmark benchmark = open_benchmark(parse_benchmark_reference("ja-math"), VLM_PROJECT_DIR);
  LanguageIdentifier identifier{bundled_language_model()};
  MetricScorer scorer{identifier};
  ThreadPool pool{2};
};

TEST_F(Runner, RightAnswersScoreOne) {
  const Task task = find_task("ja-math");
  const auto answer = [this](std::span<const EvalPrompt> prompts, const AnswerOptions& options) {
    EXPECT_EQ(prompts.size(), benchmark.items.size());
    EXPECT_EQ(options.max_tokens, 128U);
    std::vector<std::string> answers;
    for (const BenchmarkItem& item : benchmark.items) answers.push_back("\n" + item.answer + " ");
    return answers;
  };
  const BenchmarkResult result = run_benchmark(task, benchmark, answer, scorer, pool);
  EXPECT_EQ(metric_mean(result, "acc"), 1.0);
  EXPECT_EQ(result.benchmark, "ja-math");
  EXPECT_EQ(result.split, "test");
  EXPECT_EQ(result.data_hash, benchmark.data_hash);
  EXPECT_EQ(result.samples[0].prediction, benchmark.items[0].answer);
  EXPECT_GT(result.samples[0].p_ja, 0.5);
  EXPECT_THROW(metric_mean(result, "rougeL"), Error);
}

TEST_F(Runner, ResultDoesNotDependOnThreads) {
  const Task task = find_task("ja-math");
  std::vector<std::string> answers;
  for (std::size_t i = 0; i < benchmark.items.size(); ++i) {
    answers.push_back(benchmark.items[(i * 7) % benchmark.items.size()].answer);
  }
  ThreadPool one(1);
  ThreadPool many(5);
  const BenchmarkResult left = score_answers(task, benchmark, answers, scorer, one);
  const BenchmarkResult right = score_answers(task, benchmark, answers, scorer, many);
  EXPECT_EQ(samples_to_jsonl({"", "", {left}}), samples_to_jsonl({"", "", {right}}));
  EXPECT_EQ(result_to_json({"", "", {left}}), result_to_json({"", "", {right}}));
}

TEST_F(Runner, BrokenUtf8InAnAnswerIsReplaced) {
  limit_items(benchmark, 1);
  const BenchmarkResult result =
      score_answers(find_task("ja-math"), benchmark, {"7\xFF"}, scorer, pool);
  EXPECT_EQ(result.samples[0].prediction, "7\uFFFD");
}

}  // namespace
}  // namespace vlm
