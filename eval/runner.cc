#include "eval/runner.h"

#include <utility>

#include "core/check.h"
#include "core/error.h"
#include "core/nearest_name.h"
#include "eval/code_points.h"

namespace vlm {
namespace {

SampleRecord score_sample(const Task& task, const BenchmarkItem& item, const std::string& answer,
                          const MetricScorer& scorer) {
  SampleRecord record;
  record.id = item.id;
  record.question = item.question;
  record.reference = item.answer;
  record.prediction = strip_white_space(answer);
  record.p_ja = scorer.japanese_probability(record.prediction);
  const AnswerPair pair{record.reference, record.prediction, item.answer_number};
  for (const Metric& metric : task.metrics) {
    record.scores.push_back(scorer.score(metric, pair).value);
  }
  return record;
}

double mean_of_column(const std::vector<SampleRecord>& samples, std::size_t column) {
  double sum = 0.0;
  for (const SampleRecord& sample : samples) sum += sample.scores[column];
  return samples.empty() ? 0.0 : sum / static_cast<double>(samples.size());
}

}  // namespace

double metric_mean(const BenchmarkResult& result, const std::string& metric) {
  std::vector<std::string> names;
  for (const MetricMean& entry : result.metrics) {
    if (entry.metric == metric) return entry.mean;
    names.push_back(entry.metric);
  }
  throw Error(ErrorCode::kInvalidArgument, "metric was not computed: " + result.benchmark + ": '" +
                                               metric + "'" + name_hint(metric, names));
}

BenchmarkResult score_answers(const Task& task, const Benchmark& benchmark,
                              const std::vector<std::string>& answers, const MetricScorer& scorer,
                              ThreadPool& pool) {
  check(answers.size() == benchmark.items.size(), "every item has an answer");
  BenchmarkResult result;
  result.benchmark = benchmark.name;
  result.split = benchmark.split;
  result.data_hash = benchmark.data_hash;
  result.prompt = task.prompt.name;
  result.options = task.options;
  result.samples.resize(answers.size());
  pool.parallel_for(answers.size(), [&](std::size_t i) {
    result.samples[i] = score_sample(task, benchmark.items[i], answers[i], scorer);
  });
  for (std::size_t i = 0; i < task.metrics.size(); ++i) {
    result.metrics.push_back({task.metrics[i].name, mean_of_column(result.samples, i)});
  }
  return result;
}

BenchmarkResult run_benchmark(const Task& task, const Benchmark& benchmark,
                              const AnswerFunction& answer, const MetricScorer& scorer,
                              ThreadPool& pool) {
  const std::vector<EvalPrompt> prompts = build_prompts(task, benchmark.items);
  return score_answers(task, benchmark, answer(prompts, task.options), scorer, pool);
}

}  // namespace vlm
