#include "search/candidate_evaluator.h"

#include <chrono>
#include <string>

#include "eval/model_answers.h"
#include "eval/runner.h"

namespace vlm {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string label(const ObjectiveData& data) {
  return data.fitted.name + "/" + data.fitted.split + " " + data.objective.metric;
}

void add_items(const BenchmarkResult& result, Evaluation& evaluation) {
  for (const SampleRecord& sample : result.samples) {
    evaluation.items.push_back(
        {result.benchmark + "/" + result.split, sample.id, sample.scores[0], sample.prediction});
  }
}

}  // namespace

CandidateEvaluator::CandidateEvaluator(SearchContext& context, WeightFormat weights,
                                       ThreadPool& pool)
    : context_(&context),
      weights_(weights),
      pool_(&pool),
      model_(context.initial_merge(), context.shared_parts(), pool, weights) {}

void CandidateEvaluator::load(const Checkpoint& candidate) {
  model_.replace_language_model(candidate, *pool_);
  if (!context_->changes_features()) return;
  images_.reset();
  model_.replace_vision_tower(candidate, *pool_, weights_);
  images_ = std::make_unique<ImageFeatureCache>(model_.shared_parts().vision, ImagePolicy::kPillow,
                                                context_->memory().shares.picture_bytes);
}

Evaluation CandidateEvaluator::evaluate(const Checkpoint& candidate, ItemPart part) {
  Evaluation evaluation;
  const Clock::time_point start = Clock::now();
  load(candidate);
  evaluation.seconds["merge"] = seconds_since(start);

  const AnswerFunction answer = answers_of(model_, images_ ? images_.get() : context_->images(),
                                           *pool_, context_->memory().shares.cache_bytes);
  double sum = 0.0;
  double weights = 0.0;
  for (const ObjectiveData& data : context_->objectives()) {
    const Benchmark& items = part == ItemPart::kFitted ? data.fitted : data.held_out;
    const BenchmarkResult result =
        run_benchmark(data.task, items, answer, context_->scorer(), *pool_);
    const double mean = result.metrics.front().mean;
    evaluation.attributes[label(data)] = mean;
    add_items(result, evaluation);
    sum += data.objective.weight * mean;
    weights += data.objective.weight;
  }
  evaluation.seconds["evaluate"] = seconds_since(start) - evaluation.seconds["merge"];
  evaluation.values = {sum / weights};
  return evaluation;
}

}  // namespace vlm
