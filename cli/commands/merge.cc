#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/option_checks.h"
#include "cli/progress_line.h"
#include "cli/text_table.h"
#include "core/files.h"
#include "core/thread_pool.h"
#include "merge/merge_to_disk.h"
#include "merge/plan_summary.h"
#include "search/model_source.h"

namespace vlm {
namespace {

struct MergeArguments {
  std::string recipe;
  std::string target;
  bool dry_run = false;
  std::string compat;
  std::uint64_t seed = 0;
  std::size_t max_shard_size_bytes = 5'000'000'000;
};

std::string megabytes(std::size_t bytes) {
  return fixed(static_cast<double>(bytes) / 1e6, 1) + " MB";
}

void print_plan(const PlanSummary& plan, bool with_tensors) {
  std::printf("method      %s\n", plan.method.c_str());
  for (const std::string& input : plan.inputs) std::printf("input       %s\n", input.c_str());
  std::printf("kept from   %s (config, tokenizer, side files)\n", plan.donor.c_str());
  std::printf("vocabulary  %s\n", plan.vocabulary_policy.c_str());
  std::printf("tensors     %zu, of them %zu copied\n", plan.num_tensors, plan.num_copied);
  std::printf("to write    %s\n", megabytes(plan.bytes_to_write).c_str());
  for (const std::string& warning : plan.warnings) std::printf("warning     %s\n", warning.c_str());
  if (!with_tensors) return;
  for (const PlanSummary::Tensor& tensor : plan.tensors) {
    std::printf("\n%s  %s %s%s%s\n", tensor.name.c_str(), tensor.dtype.c_str(),
                to_string(tensor.shape).c_str(), tensor.is_copy ? "  copied" : "  ",
                tensor.is_copy ? "" : tensor.parameters.c_str());
    for (const std::string& source : tensor.sources) std::printf("  from %s\n", source.c_str());
  }
}

void run_merge(const MergeArguments& arguments, const GlobalOptions& global) {
  const auto merged = open_recipe(arguments.recipe, arguments.seed, arguments.compat == "mergekit");
  const PlanSummary plan = summarize(merged->plan());
  if (!arguments.dry_run) const AtomicDirectory can_be_made(arguments.target);
  print_plan(plan, arguments.dry_run);
  if (arguments.dry_run) return;
  MergeToDiskOptions options;
  options.max_shard_size_bytes = arguments.max_shard_size_bytes;
  ThreadPool pool(global.num_threads);
  ProgressLine progress(global.quiet);
  options.on_progress = progress.callback();
  options.stop_requested = stop_on_interrupt();
  merge_to_disk(*merged, arguments.target, options, pool);
  progress.finish();
  std::printf("written     %s\n", arguments.target.c_str());
}

}  // namespace

void add_merge_command(CLI::App& app, const GlobalOptions& global) {
  auto* command = app.add_subcommand("merge", "merge models by a recipe into a new checkpoint");
  auto arguments = std::make_shared<MergeArguments>();
  command->add_option("RECIPE", arguments->recipe, "recipe file (YAML)")->required();
  auto* target = command->add_option("OUT_DIR", arguments->target, "new directory to write");
  command->add_flag("--dry-run", arguments->dry_run,
                    "read headers only and print what would be merged");
  command->add_option("--seed", arguments->seed, "seed of random masks (dare_*, della*)")
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--compat", arguments->compat, "mergekit: repeat its documented mistakes")
      ->check(CLI::IsMember({"mergekit"}));
  command
      ->add_option_function<std::string>(
          "--max-shard-size",
          [arguments](const std::string& size) {
            arguments->max_shard_size_bytes = parse_size_bytes("--max-shard-size", size);
          },
          "e.g. 5GB (default), 300MB")
      ->type_name("SIZE");
  command->callback([arguments, target, &global] {
    if (!arguments->dry_run && target->empty()) throw CLI::RequiredError("OUT_DIR");
    run_merge(*arguments, global);
  });
}

}  // namespace vlm
