#pragma once

// A small evaluation that several tests share.

#include <string>
#include <vector>

#include "eval/result_json.h"

namespace vlm {

// Benchmark "ja-math/test" with ids "0", "1", ... and one metric.
inline BenchmarkResult example_benchmark(const std::vector<double>& scores,
                                         const std::string& metric = "acc") {
  BenchmarkResult result;
  result.benchmark = "ja-math";
  result.split = "test";
  result.data_hash = "abc";
  result.prompt = "ja-alpaca-cot";
  result.options = {128, 1, 1.0, {"Response"}};
  double sum = 0.0;
  for (const double score : scores) {
    const std::string id = std::to_string(result.samples.size());
    result.samples.push_back({id, "問" + id, "答え", "答えは\"" + id + "\"", {score}, 0.75});
    sum += score;
  }
  result.metrics.push_back({metric, sum / static_cast<double>(scores.size())});
  return result;
}

inline EvaluationResult example_result(const std::vector<double>& scores,
                                       const std::string& model = "model") {
  return {"0.1.0", model, {example_benchmark(scores)}};
}

}  // namespace vlm
