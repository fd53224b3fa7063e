#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/data_root.h"
#include "cli/interrupt.h"
#include "cli/memory_argument.h"
#include "cli/model_table_text.h"
#include "cli/option_checks.h"
#include "cli/progress_line.h"
#include "cli/text_table.h"
#include "cli/weights_argument.h"
#include "core/atomic_directory.h"
#include "core/byte_text.h"
#include "core/error.h"
#include "core/thread_pool.h"
#include "core/version.h"
#include "search/final_measurement.h"
#include "search/model_source.h"
#include "search/model_table.h"
#include "search/optimizer_choice.h"
#include "search/search_checks.h"
#include "search/search_memory.h"
#include "search/search_plan.h"
#include "search/search_run.h"
#include "search/study_store.h"

namespace vlm {
namespace {

struct SearchArguments {
  std::string file;
  std::string study;
  std::string out;
  bool resume = false;
  std::optional<std::size_t> trials;
  std::optional<std::uint64_t> seed;
  std::size_t workers = 1;
  bool dry_run = false;
  WeightFormat weights = WeightFormat::kFloat32;
  std::optional<std::size_t> memory_bytes;
};

SearchConfig load_config(const SearchArguments& arguments) {
  SearchConfig config = read_search_config(arguments.file);
  if (arguments.trials) config.optimizer.trials = *arguments.trials;
  config.weights = arguments.weights;
  config.memory_bytes = arguments.memory_bytes;
  if (arguments.seed) config.optimizer.seed = *arguments.seed;
  if (!arguments.out.empty()) config.output = arguments.out;
  if (config.output && std::filesystem::exists(*config.output)) {
    throw Error(ErrorCode::kExists,
                "output exists already: " + config.output->string() + " (name another with --out)");
  }
  return config;
}

void print_outcome(const SearchConfig& config, const SearchOutcome& outcome, std::size_t workers) {
  std::printf("%zu trials, %zu failed; merging took %s %% of the time\n", outcome.trials_done,
              outcome.trials_failed,
              fixed(100.0 * outcome.seconds_merging /
                        (outcome.seconds_merging + outcome.seconds_evaluating),
                    1)
                  .c_str());
  if (outcome.workers < workers) {
    std::printf("the memory held %zu of %zu workers\n", outcome.workers, workers);
  }
  if (outcome.versions.size() > 1) {
    std::string versions;
    for (const std::string& version : outcome.versions) versions += " " + version;
    std::printf("trials were evaluated by several versions of vlm-merge:%s\n", versions.c_str());
  }
  if (outcome.stopped_early) {
    std::printf("the optimiser stopped: %s (%g)\n", outcome.stopped_early->name.c_str(),
                outcome.stopped_early->value);
  }
  std::printf("best of study %s: trial %lld, fitness %s\n", config.study.c_str(),
              static_cast<long long>(outcome.best.number),
              fixed(outcome.best.values.at(0), 4).c_str());
}

Json summary_json(const SearchConfig& config, const SearchOutcome& outcome,
                  const std::optional<ModelTable>& table) {
  Json summary{{"version", kVersion},
               {"study", config.study},
               {"seed", config.optimizer.seed},
               {"trials", outcome.trials_done},
               {"trials_failed", outcome.trials_failed},
               {"best_trial", outcome.best.number},
               {"best_fitness", outcome.best.values.at(0)},
               {"parameters", outcome.best.parameters},
               {"search_file", config.text}};
  if (table) summary["test"] = model_table_to_json(*table);
  return summary;
}

// Measures the models on the test benchmarks and keeps what they answered in the study.
ModelTable measure(const SearchConfig& config, const SearchOutcome& outcome,
                   const MeasurementOptions& options, StudyStore& store, ThreadPool& pool) {
  const std::vector<MeasuredModel> models =
      measure_models(config, outcome.best_recipe, options, pool);
  std::vector<BenchmarkMetric> columns;
  for (const TestColumn& test : config.test) columns.push_back(test.column);
  ModelTable table = make_model_table(models, columns);
  store.set_document("model_table", model_table_to_json(table));
  for (const MeasuredModel& model : models) {
    store.set_document("samples " + model.name, samples_to_jsonl(model.result));
  }
  return table;
}

std::string shared_out(const SearchMemory& memory) {
  const std::string seen =
      memory.seen_bytes == 0
          ? ""
          : ", what is seen of pictures up to " + byte_text(memory.seen_bytes, ByteRounding::kDown);
  return "memory      workers " + std::to_string(memory.workers) + "; remembered tensors up to " +
         byte_text(memory.source_bytes, ByteRounding::kDown) + seen +
         ", features of pictures up to " +
         byte_text(memory.shares.picture_bytes, ByteRounding::kDown) +
         ", keys and values of a worker up to " +
         byte_text(memory.shares.cache_bytes, ByteRounding::kDown) + "\n";
}

// What would be searched, from the models' headers alone.
void print_plan(const SearchConfig& config, std::size_t workers, std::size_t num_threads) {
  ModelPool models = make_model_pool(config.folder);
  const SearchPlan plan = plan_search(config, models);
  require_sound_end(config, models, find_data_root(), num_threads);
  const SearchMemory memory = share_search_memory(config, plan, num_threads, workers);
  const auto optimizer = make_optimizer(config.optimizer, plan.space);
  const std::vector<std::vector<double>> points = optimizer->ask();
  std::printf("study       %s\n", config.study.c_str());
  std::printf("optimizer   %s, %zu candidates at first, at most %zu trials, seed %llu\n",
              describe(config.optimizer).c_str(), points.size(), config.optimizer.trials,
              static_cast<unsigned long long>(config.optimizer.seed));
  for (const Objective& objective : config.objectives) {
    std::printf("objective   %s %s, weight %g\n", objective.benchmark.c_str(),
                objective.metric.c_str(), objective.weight);
  }
  if (config.memory_bytes) std::printf("%s", shared_out(memory).c_str());
  for (const std::string& warning : plan.first_merge.warnings) {
    std::printf("warning     %s\n", warning.c_str());
  }
  TextTable genes({"gene", "low", "init", "high"});
  for (const Dimension& gene : plan.space.dimensions) {
    genes.add_row({gene.name, fixed(gene.low, 3), fixed(gene.initial, 3), fixed(gene.high, 3)});
  }
  std::printf("genes       %zu\n\n%s\nfirst recipe:\n\n%s\n", plan.space.size(),
              genes.to_string().c_str(), plan.recipe.fill_in(points.front()).c_str());
}

void run_search_command(const SearchArguments& arguments, const GlobalOptions& global) {
  const SearchConfig config = load_config(arguments);
  if (arguments.dry_run) {
    return print_plan(config, arguments.workers, ThreadPool(global.num_threads).num_threads());
  }
  if (config.output) const AtomicDirectory can_be_made(*config.output);
  ProgressLine progress(global.quiet);
  SearchOptions options;
  options.study_file =
      study_file_of(arguments.study.empty() ? config.study + ".db" : arguments.study);
  options.data_root = find_data_root();
  options.resume = arguments.resume;
  options.num_threads = global.num_threads;
  options.workers = arguments.workers;
  options.progress = progress.callback();
  options.stop_requested = stop_on_interrupt();
  const SearchOutcome outcome = run_search(config, options);
  progress.finish();
  print_outcome(config, outcome, options.workers);

  ThreadPool pool(global.num_threads);
  StudyStore store = StudyStore::open(options.study_file, config.study);
  const MeasurementOptions measurement{options.data_root, options.progress, options.stop_requested};
  std::optional<ModelTable> table;
  if (!config.test.empty()) {
    table = measure(config, outcome, measurement, store, pool);
    progress.finish();
    std::printf("\n%s\n", model_table_text(*table).c_str());
  }
  const Json summary = summary_json(config, outcome, table);
  store.set_document("summary", summary);
  store.set_document("best_recipe", outcome.best_recipe);
  if (config.output) {
    write_evolved_model(config, outcome.best_recipe, summary, *config.output, measurement, pool);
    progress.finish();
    std::printf("model written to %s\n", config.output->c_str());
  }
  std::printf("study kept in %s (vlm-merge report %s shows it)\n", options.study_file.c_str(),
              options.study_file.c_str());
}

}  // namespace

void add_search_command(CLI::App& app, const GlobalOptions& global) {
  auto* command = app.add_subcommand("search", "evolve the recipe of a merge");
  auto arguments = std::make_shared<SearchArguments>();
  command->add_option("SEARCH", arguments->file, "search file (YAML)")->required();
  command->add_option("--study", arguments->study,
                      "where the study is kept: a file or sqlite:///FILE (default: NAME.db)");
  command->add_option("--out", arguments->out, "new directory for the best model");
  command->add_flag("--resume", arguments->resume, "continue the study if there is one");
  whole_number(command->add_option("--trials", arguments->trials, "candidates to evaluate"), 1,
               10'000'000);
  seed_number(command->add_option("--seed", arguments->seed, "seed of the search"));
  whole_number(
      command->add_option("--workers", arguments->workers, "candidates evaluated at a time")
          ->capture_default_str(),
      1, 256);
  command->add_flag("--dry-run", arguments->dry_run,
                    "read headers only and print what would be searched");
  add_weights_option(*command, arguments->weights);
  add_memory_option(*command, arguments->memory_bytes);
  command->callback([arguments, &global] { run_search_command(*arguments, global); });
}

}  // namespace vlm
