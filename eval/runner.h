#pragma once

// Runs a task: ask, score, average.

#include <cstddef>
#include <string>
#include <vector>

#include "core/thread_pool.h"
#include "datasets/registry.h"
#include "eval/answer.h"
#include "eval/metrics.h"
#include "eval/task.h"

namespace vlm {

// One answered question.
struct SampleRecord {
  std::string id;
  std::string question;
  std::string reference;
  std::string prediction;      // without white space at both ends
  std::vector<double> scores;  // [metrics], in the order of BenchmarkResult::metrics
  double p_ja = 0.0;           // P(Japanese | prediction)
};

struct MetricMean {
  std::string metric;
  double mean = 0.0;
};

struct BenchmarkResult {
  std::string benchmark;
  std::string split;
  std::string data_hash;
  std::string prompt;  // name of the template
  AnswerOptions options;
  std::vector<MetricMean> metrics;
  std::vector<SampleRecord> samples;  // in the order of the items
};

// The mean of a metric. Throws Error{kInvalidArgument} if it was not computed, with the nearest
// name.
double metric_mean(const BenchmarkResult& result, const std::string& metric);

// Scores answers already made, over the pool; the result does not depend on the number of threads.
// REQUIRES: one answer per item.
BenchmarkResult score_answers(const Task& task, const Benchmark& benchmark,
                              const std::vector<std::string>& answers, const MetricScorer& scorer,
                              ThreadPool& pool);

// Asks all questions in one call of `answer` and scores the answers.
// Throws what build_prompts() and `answer` throw.
BenchmarkResult run_benchmark(const Task& task, const Benchmark& benchmark,
                              const AnswerFunction& answer, const MetricScorer& scorer,
                              ThreadPool& pool);

}  // namespace vlm
