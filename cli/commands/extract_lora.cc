#include <cstdio>
#include <memory>
#include <string>

#include "cli/adapter_text.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/option_checks.h"
#include "cli/progress_line.h"
#include "core/atomic_directory.h"
#include "core/thread_pool.h"
#include "merge/lora_extraction.h"
#include "search/model_source.h"

namespace vlm {
namespace {

constexpr std::uint64_t kMostRanks = 65536;

struct ExtractLoraArguments {
  std::string base;
  std::string model;
  std::string target;
  std::size_t rank = 16;
  std::uint64_t seed = 0;
};

void run_extract_lora(const ExtractLoraArguments& arguments, const GlobalOptions& global) {
  const auto base = open_model(arguments.base);
  const auto model = open_model(arguments.model);
  { const AtomicDirectory can_be_made(arguments.target); }
  ThreadPool pool(global.num_threads);
  ProgressLine progress(global.quiet);
  const LoraExtractionOptions options{.rank = arguments.rank,
                                      .seed = arguments.seed,
                                      .base_name = arguments.base,
                                      .on_progress = progress.callback(),
                                      .stop_requested = stop_on_interrupt()};
  const AdapterReport report = extract_lora(*base, *model, arguments.target, options, pool);
  progress.finish();
  std::printf("%s", adapter_report_text(report, arguments.target).c_str());
}

}  // namespace

void add_extract_lora_command(CLI::App& app, const GlobalOptions& global) {
  auto* command =
      app.add_subcommand("extract-lora", "write what a model differs from its base as an adapter");
  auto arguments = std::make_shared<ExtractLoraArguments>();
  command->add_option("--base", arguments->base, "the model that the adapter will be of")
      ->required();
  command->add_option("--model", arguments->model, "a fine-tune of it")->required();
  command->add_option("--out", arguments->target, "new directory to write")->required();
  whole_number(command->add_option("--rank", arguments->rank, "of the adapter"), 1, kMostRanks)
      ->capture_default_str();
  seed_number(command->add_option("--seed", arguments->seed, "seed of the random projections"))
      ->capture_default_str();
  command->callback([arguments, &global] { run_extract_lora(*arguments, global); });
}

}  // namespace vlm
