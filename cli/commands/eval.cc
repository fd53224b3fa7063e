#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/data_root.h"
#include "cli/memory_argument.h"
#include "cli/option_checks.h"
#include "cli/output_files.h"
#include "cli/progress_line.h"
#include "cli/text_table.h"
#include "cli/weights_argument.h"
#include "core/files.h"
#include "eval/evaluate_model.h"
#include "eval/language_identification.h"
#include "eval/result_json.h"
#include "model/memory_plan.h"
#include "search/model_source.h"

namespace vlm {
namespace {

struct EvalArguments {
  std::string model;
  std::vector<std::string> benchmarks;
  std::vector<std::string> metrics;
  std::size_t limit = 0;
  std::string out;
  std::string samples;
  bool blind = false;
  WeightFormat weights = WeightFormat::kFloat32;
  std::optional<std::size_t> memory_bytes;
};

std::vector<BenchmarkRun> load_runs(const EvalArguments& arguments,
                                    const std::filesystem::path& data_root) {
  std::vector<BenchmarkRun> runs;
  for (const std::string& name : arguments.benchmarks) {
    const BenchmarkReference reference = parse_benchmark_reference(name);
    const auto same = [&](const BenchmarkRun& run) {
      return run.benchmark.name == reference.name && run.benchmark.split == reference.split;
    };
    if (std::any_of(runs.begin(), runs.end(), same)) {
      throw CLI::ValidationError("--benchmark",
                                 reference.name + "/" + reference.split + " is there twice");
    }
    BenchmarkRun& run = runs.emplace_back(
        BenchmarkRun{find_task(reference.name), open_benchmark(reference, data_root)});
    if (arguments.limit > 0) limit_items(run.benchmark, arguments.limit);
    if (arguments.metrics.empty()) continue;
    run.task.metrics.clear();
    for (const std::string& metric : arguments.metrics) {
      run.task.metrics.push_back(parse_metric(metric));
    }
  }
  return runs;
}

void print_result(const EvaluationResult& result) {
  TextTable table({"benchmark", "metric", "mean", "items"});
  table.align(1, TextTable::Align::kLeft);
  for (const BenchmarkResult& benchmark : result.benchmarks) {
    for (const MetricMean& metric : benchmark.metrics) {
      table.add_row({benchmark.benchmark + "/" + benchmark.split, metric.metric,
                     fixed(metric.mean, 4), std::to_string(benchmark.samples.size())});
    }
  }
  std::printf("%s", table.to_string().c_str());
}

void run_eval(const EvalArguments& arguments, const GlobalOptions& global) {
  require_output_places({arguments.out, arguments.samples});
  const std::filesystem::path data_root = find_data_root();
  const LanguageIdentifier identifier(language_model_path(data_root));
  const MetricScorer scorer(identifier);
  const std::vector<BenchmarkRun> runs = load_runs(arguments, data_root);
  ThreadPool pool(global.num_threads);
  const auto checkpoint = open_model(arguments.model);
  const MemoryShares memory =
      memory_shares(arguments.memory_bytes, *checkpoint, arguments.weights, pool.num_threads());
  const Model model(*checkpoint, pool, arguments.weights);
  ProgressLine progress(global.quiet);
  const EvaluateOptions options{arguments.model,
                                arguments.blind ? WithoutEyes::kAnswerBlind : WithoutEyes::kRefuse,
                                progress.callback(), memory};
  const EvaluationResult result = evaluate_model(model, runs, scorer, options, pool);
  progress.finish();
  if (!arguments.out.empty()) write_result_file(arguments.out, result);
  if (!arguments.samples.empty()) {
    write_file_atomically(arguments.samples, samples_to_jsonl(result));
  }
  for (const std::string& file : {arguments.out, arguments.samples}) {
    if (!file.empty() && is_standard_output(file)) return;
  }
  print_result(result);
}

}  // namespace

void add_eval_command(CLI::App& app, const GlobalOptions& global) {
  auto* command = app.add_subcommand("eval", "score a model on benchmarks");
  auto arguments = std::make_shared<EvalArguments>();
  command->add_option("--model", arguments->model, "directory, hub id or recipe")->required();
  command
      ->add_option("--benchmark", arguments->benchmarks,
                   "NAME[/SPLIT][=PATH], e.g. ja-emoji-vqa/test; may be repeated")
      ->required();
  command->add_option("--metric", arguments->metrics,
                      "metrics instead of the benchmark's own, e.g. rougeL_ja:char");
  whole_number(command->add_option("--limit", arguments->limit,
                                   "first items of each benchmark only (default: all)"),
               1, 1'000'000'000);
  command->add_option("--out", arguments->out, "result file (JSON), for compare");
  command->add_option("--samples", arguments->samples, "every answer (JSON lines)");
  command->add_flag("--blind", arguments->blind,
                    "let a text model answer questions about pictures without them");
  add_weights_option(*command, arguments->weights);
  add_memory_option(*command, arguments->memory_bytes);
  command->callback([arguments, &global] { run_eval(*arguments, global); });
}

}  // namespace vlm
