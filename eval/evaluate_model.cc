#include "eval/evaluate_model.h"

#include <optional>
#include <utility>
#include <vector>

#include "core/byte_text.h"
#include "core/error.h"
#include "core/version.h"
#include "eval/model_answers.h"
#include "eval/runner.h"

namespace vlm {
namespace {

// The prompt as for a text model: no picture and no line for it.
EvalPrompt blindfolded(EvalPrompt prompt) {
  const std::string place = "<image>\n";
  if (const std::size_t at = prompt.text.find(place); at != std::string::npos) {
    prompt.text.erase(at, place.size());
  }
  prompt.image.reset();
  return prompt;
}

void refuse_pictures(std::span<const BenchmarkRun> runs, const EvaluateOptions& options) {
  for (const BenchmarkRun& run : runs) {
    if (!run.task.prompt.needs_image) continue;
    throw Error(ErrorCode::kInvalidArgument,
                "a text model cannot answer questions about pictures: " + options.model_name +
                    ": " + run.benchmark.name + "/" + run.benchmark.split +
                    " (--blind asks without them)");
  }
}

AnswerFunction answer_blind(AnswerFunction answer) {
  return [answer = std::move(answer)](std::span<const EvalPrompt> prompts,
                                      const AnswerOptions& options) {
    std::vector<EvalPrompt> blind;
    blind.reserve(prompts.size());
    for (const EvalPrompt& prompt : prompts) blind.push_back(blindfolded(prompt));
    return answer(blind, options);
  };
}

// So that no benchmark is answered in vain before another one.
void require_room(const Model& model, std::span<const BenchmarkRun> runs,
                  const EvaluateOptions& options) {
  if (options.memory.cache_bytes == MemoryShares{}.cache_bytes) return;
  for (const BenchmarkRun& run : runs) {
    const std::size_t least =
        least_cache_bytes(model, build_prompts(run.task, run.benchmark.items), run.task.options);
    if (least <= options.memory.cache_bytes) continue;
    throw Error(ErrorCode::kInvalidArgument,
                "memory: keys and values of " + run.benchmark.name + "/" + run.benchmark.split +
                    " need " + byte_text(least) + ": left are " +
                    byte_text(options.memory.cache_bytes, ByteRounding::kDown));
  }
}

}  // namespace

EvaluationResult evaluate_model(const Model& model, std::span<const BenchmarkRun> runs,
                                const MetricScorer& scorer, const EvaluateOptions& options,
                                ThreadPool& pool) {
  std::optional<ImageFeatureCache> images;
  if (model.sees_images()) {
    images.emplace(model.shared_parts().vision, ImagePolicy::kPillow, options.memory.picture_bytes);
  }
  if (!images && options.without_eyes == WithoutEyes::kRefuse) refuse_pictures(runs, options);
  require_room(model, runs, options);
  AnswerFunction answer =
      answers_of(model, images ? &*images : nullptr, pool, options.memory.cache_bytes);
  if (!images && options.without_eyes == WithoutEyes::kAnswerBlind) {
    answer = answer_blind(std::move(answer));
  }
  EvaluationResult result{std::string(kVersion), options.model_name, {}};
  for (const BenchmarkRun& run : runs) {
    result.benchmarks.push_back(run_benchmark(run.task, run.benchmark, answer, scorer, pool));
    if (options.progress) {
      options.progress({"evaluate " + options.model_name, result.benchmarks.size(), runs.size(),
                        run.benchmark.name + "/" + run.benchmark.split});
    }
  }
  return result;
}

}  // namespace vlm
