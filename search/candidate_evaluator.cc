#include "search/candidate_evaluator.h"

#include <chrono>
#include <string>
#include <utility>

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

// What a candidate sees with and others do not; null if they all see alike.
std::shared_ptr<VisionTower> own_tower(const SearchContext& context, WeightFormat weights,
                                       ThreadPool& pool) {
  const Checkpoint& first = context.initial_merge();
  switch (context.feature_changes()) {
    case FeatureChanges::kNone:
      break;
    case FeatureChanges::kProjector:
      return std::make_shared<VisionTower>(context.shared_encoder(), first, pool, weights);
    case FeatureChanges::kTower:
      return std::make_shared<VisionTower>(first, pool, weights);
  }
  return nullptr;
}

SharedModelParts parts_with(SharedModelParts shared, std::shared_ptr<const VisionTower> own) {
  if (own) shared.vision = std::move(own);
  return shared;
}

}  // namespace

CandidateEvaluator::CandidateEvaluator(SearchContext& context, WeightFormat weights,
                                       ThreadPool& pool)
    : context_(&context),
      pool_(&pool),
      tower_(own_tower(context, weights, pool)),
      model_(context.initial_merge(), parts_with(context.shared_parts(), tower_), pool, weights) {}

void CandidateEvaluator::load(const Checkpoint& candidate) {
  model_.replace_language_model(candidate, *pool_);
  if (!tower_) return;
  images_.reset();
  tower_->refill(candidate, *pool_);
  images_ = std::make_unique<ImageFeatureCache>(tower_, ImagePolicy::kPillow,
                                                context_->memory().shares.picture_bytes,
                                                context_->seen_pictures());
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
