#pragma once

// All benchmarks of one evaluation, asked of one model.

#include <cstdint>
#include <span>
#include <string>

#include "core/progress.h"
#include "core/thread_pool.h"
#include "datasets/registry.h"
#include "eval/metrics.h"
#include "eval/result_json.h"
#include "eval/task.h"
#include "model/memory_plan.h"
#include "model/model.h"

namespace vlm {

struct BenchmarkRun {
  Task task;
  Benchmark benchmark;
};

// What a text model does with questions about pictures.
enum class WithoutEyes : std::uint8_t {
  kRefuse,      // Error{kInvalidArgument}
  kAnswerBlind  // the picture's place is cut out of the prompt
};

struct EvaluateOptions {
  std::string model_name;
  WithoutEyes without_eyes = WithoutEyes::kRefuse;
  ProgressCallback progress;  // one event for each benchmark done
  MemoryShares memory;
};

// Throws what run_benchmark() throws.
EvaluationResult evaluate_model(const Model& model, std::span<const BenchmarkRun> runs,
                                const MetricScorer& scorer, const EvaluateOptions& options,
                                ThreadPool& pool);

}  // namespace vlm
