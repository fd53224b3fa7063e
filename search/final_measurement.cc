#include "search/final_measurement.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "eval/evaluate_model.h"
#include "eval/language_identification.h"
#include "merge/merge_to_disk.h"
#include "merge/recipe_parser.h"
#include "search/model_source.h"

namespace vlm {
namespace {

// One run for each benchmark, with all metrics its columns ask for.
std::vector<BenchmarkRun> load_runs(const SearchConfig& config,
                                    const std::filesystem::path& data_root) {
  std::vector<BenchmarkRun> runs;
  for (const TestColumn& test : config.test) {
    const Metric metric = parse_metric(test.column.metric);
    const auto same = [&](const BenchmarkRun& run) {
      return run.benchmark.name + "/" + run.benchmark.split == test.column.benchmark;
    };
    auto run = std::find_if(runs.begin(), runs.end(), same);
    if (run == runs.end()) {
      const BenchmarkReference reference = parse_benchmark_reference(test.reference);
      runs.push_back({find_task(reference.name), open_benchmark(reference, data_root)});
      run = std::prev(runs.end());
    }
    std::vector<Metric>& metrics = run->task.metrics;
    const bool known = std::any_of(metrics.begin(), metrics.end(),
                                   [&](const Metric& m) { return m.name == metric.name; });
    if (!known) metrics.push_back(metric);
  }
  return runs;
}

bool asks_about_pictures(const std::vector<BenchmarkRun>& runs) {
  return std::any_of(runs.begin(), runs.end(),
                     [](const BenchmarkRun& run) { return run.task.prompt.needs_image; });
}

std::shared_ptr<const MergedCheckpoint> merge_of(const SearchConfig& config, ModelPool& models,
                                                 const std::string& recipe, MergeOptions options) {
  MergePlan plan = make_merge_plan(parse_recipe(recipe, config.where), models);
  return std::make_shared<const MergedCheckpoint>(std::move(plan), std::move(options));
}

}  // namespace

std::shared_ptr<const Checkpoint> open_compared(const SearchConfig& config,
                                                const ComparedModel& compared, ModelPool& models) {
  if (compared.recipe.empty()) return models(compared.model);
  return merge_of(config, models, compared.recipe, {config.optimizer.seed, nullptr});
}

std::vector<MeasuredModel> measure_models(const SearchConfig& config,
                                          const std::string& evolved_recipe,
                                          const MeasurementOptions& options, ThreadPool& pool) {
  const LanguageIdentifier identifier(language_model_path(options.data_root));
  const MetricScorer scorer(identifier);
  const std::vector<BenchmarkRun> runs = load_runs(config, options.data_root);
  ModelPool models = make_model_pool(config.folder);
  std::vector<ComparedModel> compared = config.compare;
  compared.push_back({"evolved", ComparisonRole::kEvolved, "", evolved_recipe});

  std::vector<MeasuredModel> measured;
  for (const ComparedModel& entry : compared) {
    if (options.stop_requested && options.stop_requested()) {
      throw Error(ErrorCode::kInterrupted, "final measurement interrupted: " + config.study +
                                               ": before " + entry.name +
                                               " (continue with --resume)");
    }
    if (options.progress) {
      options.progress({"measure", measured.size(), compared.size(), entry.name});
    }
    const auto checkpoint = open_compared(config, entry, models);
    const MemoryShares memory =
        memory_shares(config.memory_bytes, *checkpoint, config.weights, pool.num_threads());
    const Model model(*checkpoint, pool, config.weights);
    const bool blind = asks_about_pictures(runs) && !model.sees_images();
    const EvaluateOptions evaluate{entry.name, WithoutEyes::kAnswerBlind, {}, memory};
    measured.push_back(
        {entry.name, entry.role, blind, evaluate_model(model, runs, scorer, evaluate, pool)});
  }
  if (options.progress) options.progress({"measure", measured.size(), compared.size(), ""});
  return measured;
}

void write_evolved_model(const SearchConfig& config, const std::string& recipe, const Json& summary,
                         const std::filesystem::path& target, const MeasurementOptions& options,
                         ThreadPool& pool) {
  ModelPool models = make_model_pool(config.folder);
  MergeToDiskOptions disk;
  disk.on_progress = options.progress;
  disk.stop_requested = options.stop_requested;
  const std::uint64_t seed = config.optimizer.seed;
  if (seed != 0) disk.command_options = "--seed " + std::to_string(seed);
  disk.extra_files["study.json"] = summary.dump(2) + "\n";
  MergeOptions merge{seed, nullptr};
  merge.memory = memory_beside(target);
  merge_to_disk(*merge_of(config, models, recipe, std::move(merge)), target, disk, pool);
}

}  // namespace vlm
