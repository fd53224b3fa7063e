// Benchmarks asked of the bundled models.

#include "eval/evaluate_model.h"

#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/file_checkpoint.h"
#include "core/error.h"
#include "core/version.h"
#include "eval/model_answers.h"
#include "tests/error_message.h"
#include "tests/eval/golden_lines.h"

namespace vlm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::filesystem::path kProject = VLM_PROJECT_DIR;

class EvaluateModel : public testing::Test {
 protected:
  Model load(const std::string& name) {
    return {FileCheckpoint(kProject / "zoo/models" / name), pool};
  }

  static BenchmarkRun run(const std::string& reference, std::size_t limit) {
    const BenchmarkReference parsed = parse_benchmark_reference(reference);
    BenchmarkRun run{find_task(parsed.name), open_benchmark(parsed, kProject)};
    limit_items(run.benchmark, limit);
    return run;
  }

  std::string message_of(const Model& model, const std::vector<BenchmarkRun>& runs) {
    return error_message([&] { evaluate_model(model, runs, scorer, {}, pool); });
  }

  ThreadPool pool{2};
  LanguageIdentifier identifier{bundled_language_model()};
  MetricScorer scorer{identifier};
};

TEST_F(EvaluateModel, EveryBenchmarkIsAskedInOrder) {
  const Model model = load("en-vlm");
  const std::vector<BenchmarkRun> runs{run("en-emoji-vqa/test", 3), run("ja-emoji-vqa/search", 2)};
  EvaluateOptions options;
  options.model_name = "en";
  std::vector<std::string> events;
  options.progress = [&](const ProgressEvent& event) {
    events.push_back(event.detail + " " + std::to_string(event.done));
  };
  const EvaluationResult result = evaluate_model(model, runs, scorer, options, pool);
  EXPECT_EQ(result.version, kVersion);
  EXPECT_EQ(result.model, "en");
  ASSERT_EQ(result.benchmarks.size(), 2U);
  EXPECT_EQ(result.benchmarks[0].samples.size(), 3U);
  EXPECT_EQ(result.benchmarks[0].samples[0].prediction, "A bouquet.");
  EXPECT_EQ(result.benchmarks[1].split, "search");
  EXPECT_THAT(events, ElementsAre("en-emoji-vqa/test 1", "ja-emoji-vqa/search 2"));
}

TEST_F(EvaluateModel, TextModelRefusesPicturesUnlessItAnswersBlind) {
  const Model model = load("ja-lm");
  const std::vector<BenchmarkRun> runs{run("ja-emoji-vqa/test", 2)};
  EXPECT_THAT(message_of(model, runs),
              HasSubstr("a text model cannot answer questions about pictures: : ja-emoji-vqa/test "
                        "(--blind asks without them)"));
  EvaluateOptions blind;
  blind.without_eyes = WithoutEyes::kAnswerBlind;
  const EvaluationResult result = evaluate_model(model, runs, scorer, blind, pool);
  EXPECT_EQ(result.benchmarks[0].samples.size(), 2U);
}

TEST_F(EvaluateModel, ABenchmarkWithoutRoomIsFoundBeforeTheFirstIsAnswered) {
  const Model model = load("en-vlm");
  std::vector<BenchmarkRun> runs{run("en-math/test", 2), run("ja-emoji-vqa/search", 2)};
  runs[1].task.options.max_tokens = 300;
  const auto least = [&](const BenchmarkRun& run) {
    return least_cache_bytes(model, build_prompts(run.task, run.benchmark.items), run.task.options);
  };
  ASSERT_LT(least(runs[0]), least(runs[1]));
  EvaluateOptions options;
  options.progress = [](const ProgressEvent&) { FAIL() << "a benchmark was answered"; };
  options.memory.cache_bytes = least(runs[1]) - 1;
  EXPECT_THAT(error_message([&] { evaluate_model(model, runs, scorer, options, pool); }),
              HasSubstr("memory: keys and values of ja-emoji-vqa/search need"));
  options.memory.cache_bytes = least(runs[1]);
  options.progress = {};
  EXPECT_EQ(evaluate_model(model, runs, scorer, options, pool).benchmarks.size(), 2U);
}

TEST_F(EvaluateModel, ThreadsDoNotChangeTheResult) {
  const Model model = load("ja-lm");
  const std::vector<BenchmarkRun> runs{run("ja-math/test", 6)};
  const EvaluationResult expected = evaluate_model(model, runs, scorer, {}, pool);
  ThreadPool one(1);
  EXPECT_EQ(samples_to_jsonl(evaluate_model(model, runs, scorer, {}, one)),
            samples_to_jsonl(expected));
}

TEST_F(EvaluateModel, AnswersKeepTheOrderOfTheQuestions) {
  const Model model = load("en-vlm");
  ImageFeatureCache images(model.shared_parts().vision);
  const AnswerFunction answer = answers_of(model, &images, pool);
  const BenchmarkRun pictures = run("en-emoji-vqa/test", 3);
  std::vector<EvalPrompt> prompts = build_prompts(pictures.task, pictures.benchmark.items);
  prompts.insert(prompts.begin() + 1, {"[INST] What is red? [/INST]", {}});  // without picture
  const std::vector<std::string> mixed = answer(prompts, pictures.task.options);
  ASSERT_EQ(mixed.size(), 4U);
  prompts.erase(prompts.begin() + 1);
  const std::vector<std::string> alone = answer(prompts, pictures.task.options);
  EXPECT_THAT(alone, ElementsAre(mixed[0], mixed[2], mixed[3]));
}

}  // namespace
}  // namespace vlm
