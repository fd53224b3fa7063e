#include "search/search_run.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "core/check.h"
#include "core/error.h"
#include "core/thread_pool.h"
#include "search/candidate_evaluator.h"
#include "search/optimizer_choice.h"
#include "search/search_context.h"
#include "search/study_identity.h"
#include "search/study_lock.h"
#include "search/study_store.h"
#include "search/trial_rows.h"
#include "search/worker_name.h"

namespace vlm {
namespace {

// Candidates that are measured on the held-out items before the best is named.
constexpr std::size_t kFinalists = 8;
constexpr const char* kHeldOutKey = "held_out";  // user attribute: a finalist's score on them

StudyStore open_store(const SearchConfig& config, const SearchOptions& options,
                      const SearchContext& context) {
  const std::vector<std::string> known = std::filesystem::exists(options.study_file)
                                             ? StudyStore::study_names(options.study_file)
                                             : std::vector<std::string>{};
  if (std::find(known.begin(), known.end(), config.study) == known.end()) {
    StudyDescription description;
    description.name = config.study;
    description.directions = {Direction::kMaximize};
    description.identity = context.identity();
    description.attributes["search_file"] = config.text;
    return StudyStore::create(options.study_file, description);
  }
  if (!options.resume) {
    throw Error(ErrorCode::kExists, "study exists already: " + options.study_file.string() + ": " +
                                        config.study + " (continue it with --resume)");
  }
  StudyStore store = StudyStore::open(options.study_file, config.study);
  require_same_identity(config.study, store.identity(), context.identity());
  return store;
}

// Who evaluates candidates, each with a share of the threads.
struct Workers {
  std::vector<std::unique_ptr<ThreadPool>> pools;  // of the evaluators, if there are several
  std::vector<CandidateEvaluator> evaluators;

  // A single one has `pool`. Throws what loading the first merge throws.
  Workers(SearchContext& context, WeightFormat weights, ThreadPool& pool) {
    const std::size_t count = context.memory().workers;
    if (count == 1) {
      evaluators.emplace_back(context, weights, pool);
      return;
    }
    const std::size_t share = std::max<std::size_t>(pool.num_threads() / count, 1);
    for (std::size_t i = 0; i < count; ++i) {
      pools.push_back(std::make_unique<ThreadPool>(share));
      evaluators.emplace_back(context, weights, *pools.back());
    }
  }
};

// The state of one run, shared by its workers.
class Run {
 public:
  Run(const SearchConfig& config, const SearchOptions& options)
      : config_(config),
        options_(options),
        pool_(options.num_threads),
        context_(config, options.data_root, std::max<std::size_t>(options.workers, 1), pool_),
        workers_(context_, config.weights, pool_),
        store_(open_store(config, options, context_)),
        lock_(options.study_file, store_.id()),
        worker_name_(own_worker_name()) {
    // With the lock held, a trial that is marked as running is one of a process that was killed.
    store_.requeue_running([](const std::string& /*worker*/, double /*seconds*/) { return true; });
    optimizer_ = make_optimizer(config.optimizer, context_.space());
    if (const auto last = store_.last_generation()) optimizer_->restore(last->optimizer_state);
    count_finished();
  }

  SearchOutcome run() {
    SearchOutcome outcome;
    outcome.workers = workers_.evaluators.size();
    while (finished_ < config_.optimizer.trials) {
      if ((outcome.stopped_early = optimizer_->stop())) break;
      store_.ask_generation({optimizer_->generation(), optimizer_->save()}, context_.space(),
                            optimizer_->ask());
      evaluate_waiting();
      const std::vector<Trial> trials = store_.generation_trials(optimizer_->generation());
      if (std::any_of(trials.begin(), trials.end(), is_unfinished)) {
        check(finished_ >= config_.optimizer.trials, "a generation is finished or out of trials");
        break;
      }
      tell(trials);
    }
    summarize(outcome);
    return outcome;
  }

 private:
  static bool is_unfinished(const Trial& trial) {
    return trial.state == TrialState::kWaiting || trial.state == TrialState::kRunning;
  }

  void count_finished() {
    for (const Trial& trial : store_.trials()) {
      finished_ += is_unfinished(trial) ? 0 : 1;
      if (trial.state == TrialState::kComplete) note_fitness(trial.values.at(0));
    }
  }

  void note_fitness(double fitness) {
    best_fitness_ = complete_ == 0 ? fitness : std::max(best_fitness_, fitness);
    ++complete_;
  }

  [[nodiscard]] bool stop_requested() const {
    return options_.stop_requested && options_.stop_requested();
  }

  // Evaluates what waits, until nothing does, the trials are used up or a stop is requested.
  void evaluate_waiting() {
    report();
    std::vector<CandidateEvaluator>& evaluators = workers_.evaluators;
    std::vector<std::thread> threads;
    for (std::size_t i = 1; i < evaluators.size(); ++i) {
      threads.emplace_back([this, &evaluators, i] { work(evaluators[i]); });
    }
    work(evaluators[0]);
    for (std::thread& thread : threads) thread.join();
    if (failure_) std::rethrow_exception(failure_);
    if (stop_requested()) {
      throw Error(ErrorCode::kInterrupted, "search interrupted: " + options_.study_file.string() +
                                               ": " + std::to_string(finished_) + " of " +
                                               std::to_string(config_.optimizer.trials) +
                                               " trials done (continue with --resume)");
    }
  }

  void work(CandidateEvaluator& evaluator) noexcept {
    try {
      while (const std::optional<Trial> trial = next_trial()) evaluate(evaluator, *trial);
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
    }
  }

  std::optional<Trial> next_trial() {
    const std::lock_guard lock(mutex_);
    if (failure_ || stop_requested()) return std::nullopt;
    if (finished_ + running_ >= config_.optimizer.trials) return std::nullopt;
    std::optional<Trial> trial = store_.claim(worker_name_);
    if (trial) ++running_;
    return trial;
  }

  void evaluate(CandidateEvaluator& evaluator, const Trial& trial) {
    Evaluation evaluation;
    std::string failure;
    try {
      const auto merge = context_.merge_of(context_.recipe_of(trial.parameters));
      evaluation = evaluator.evaluate(*merge, ItemPart::kFitted);
    } catch (const Error& error) {
      failure = error.what();
    }
    const std::lock_guard lock(mutex_);
    --running_;
    ++finished_;
    if (failure.empty()) {
      store_.tell_complete(trial.id, worker_name_, evaluation);
      note_fitness(evaluation.values[0]);
    } else {
      store_.tell_failed(trial.id, worker_name_, failure);
    }
    report();
  }

  void report() const {
    if (!options_.progress) return;
    const auto rounded = [](double value) {
      std::array<char, 32> text{};
      std::snprintf(text.data(), text.size(), "%.4f", value);
      return std::string(text.data());
    };
    std::string detail = "generation " + std::to_string(optimizer_->generation());
    if (complete_ > 0) detail += "  best " + rounded(best_fitness_);
    if (last_mean_) detail += "  last mean " + rounded(*last_mean_);
    options_.progress({"search", finished_, config_.optimizer.trials, detail});
  }

  void tell(const std::vector<Trial>& trials) {
    std::vector<std::optional<double>> fitness;
    double sum = 0.0;
    std::size_t count = 0;
    for (const Trial& trial : trials) {
      const bool complete = trial.state == TrialState::kComplete;
      fitness.push_back(complete ? std::optional(trial.values.at(0)) : std::nullopt);
      sum += complete ? trial.values[0] : 0.0;
      count += complete ? 1 : 0;
    }
    if (count > 0) last_mean_ = sum / static_cast<double>(count);
    optimizer_->tell(fitness);
  }

  void summarize(SearchOutcome& outcome) {
    std::vector<Trial> complete;
    for (Trial& trial : store_.trials()) {
      if (is_unfinished(trial)) continue;
      ++outcome.trials_done;
      const auto version = trial.attributes.find(kVersionKey);
      if (version != trial.attributes.end() && version->second.is_string()) {
        outcome.versions.insert(version->second.get<std::string>());
      }
      if (trial.state != TrialState::kComplete) {
        ++outcome.trials_failed;
        continue;
      }
      std::map<std::string, double> seconds = store_.seconds(trial.id);
      outcome.seconds_merging += seconds["merge"];
      outcome.seconds_evaluating += seconds["evaluate"];
      complete.push_back(std::move(trial));
    }
    if (complete.empty()) {
      throw Error(ErrorCode::kInvalidArgument,
                  "no candidate could be evaluated: " + options_.study_file.string() + ": " +
                      std::to_string(outcome.trials_failed) + " failed");
    }
    outcome.best = choose_best(std::move(complete));
    outcome.best_recipe = context_.recipe_of(outcome.best.parameters);
  }

  // The best by fitness; with a holdout, the best over all items among the finalists.
  Trial choose_best(std::vector<Trial> complete) {
    std::stable_sort(complete.begin(), complete.end(),
                     [](const Trial& a, const Trial& b) { return a.values[0] > b.values[0]; });
    if (config_.holdout <= 0.0) return complete.front();
    std::optional<Trial> best;
    double best_score = 0.0;
    for (std::size_t i = 0; i < std::min(kFinalists, complete.size()); ++i) {
      const auto merge = context_.merge_of(context_.recipe_of(complete[i].parameters));
      const double held_out = workers_.evaluators[0].evaluate(*merge, ItemPart::kHeldOut).values[0];
      const double score =
          (1.0 - config_.holdout) * complete[i].values[0] + config_.holdout * held_out;
      complete[i].attributes[kHeldOutKey] = held_out;
      store_.set_trial_attribute(complete[i].id, kHeldOutKey, held_out);
      if (!best || score > best_score) {
        best = complete[i];
        best_score = score;
      }
    }
    return *best;
  }

  const SearchConfig& config_;
  const SearchOptions& options_;
  ThreadPool pool_;
  SearchContext context_;
  Workers workers_;  // before the store: a model that cannot be loaded leaves no study
  StudyStore store_;
  StudyLock lock_;
  std::string worker_name_;
  std::unique_ptr<Optimizer> optimizer_;

  std::mutex mutex_;  // guards the store and all below while workers run
  std::exception_ptr failure_;
  std::size_t finished_ = 0;
  std::size_t running_ = 0;
  std::size_t complete_ = 0;
  double best_fitness_ = 0.0;
  std::optional<double> last_mean_;  // fitness of the generation before
};

}  // namespace

SearchOutcome run_search(const SearchConfig& config, const SearchOptions& options) {
  return Run(config, options).run();
}

std::filesystem::path study_file_of(const std::string& url) {
  const std::string scheme = "sqlite:///";
  if (url.starts_with(scheme)) return url.substr(scheme.size());
  if (url.find("://") != std::string::npos) {
    throw Error(ErrorCode::kUnsupported,
                "unknown kind of study store: " + url + " (known: a path, sqlite:///PATH)");
  }
  return url;
}

}  // namespace vlm
