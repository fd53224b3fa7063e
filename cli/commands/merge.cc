#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <variant>

#include "cli/adapter_text.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/option_checks.h"
#include "cli/progress_line.h"
#include "cli/text_table.h"
#include "core/atomic_directory.h"
#include "core/byte_text.h"
#include "core/error.h"
#include "core/thread_pool.h"
#include "merge/adapter_cost.h"
#include "merge/adapter_merge.h"
#include "merge/merge_to_disk.h"
#include "merge/method_help.h"
#include "merge/plan_cost.h"
#include "merge/plan_summary.h"
#include "search/model_source.h"

namespace vlm {
namespace {

struct MergeArguments {
  std::string recipe;
  std::string target;
  bool dry_run = false;
  bool resume = false;
  bool allow_nan = false;
  std::string document;
  std::string compat;
  std::uint64_t seed = 0;
  std::size_t max_shard_size_bytes = MergeToDiskOptions().max_shard_size_bytes;
};

// As a shell's word, on one line.
std::string quoted(const std::string& word) {
  const bool is_plain = word.find_first_not_of(
                            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                            "0123456789_-.") == std::string::npos;
  if (is_plain) return word;
  std::string text = "$'";
  for (const char letter : word) {
    if (letter == '\n') {
      text += "\\n";
      continue;
    }
    if (letter == '\'' || letter == '\\') text += '\\';
    text += letter;
  }
  return text + "'";
}

// What the recipe alone does not tell of the result.
std::string options_beside_recipe(const MergeArguments& arguments) {
  std::string text;
  const auto add = [&](const std::string& option) { text += (text.empty() ? "" : " ") + option; };
  if (!arguments.document.empty()) add("--document " + quoted(arguments.document));
  if (arguments.seed != 0) add("--seed " + std::to_string(arguments.seed));
  if (!arguments.compat.empty()) add("--compat " + arguments.compat);
  if (arguments.allow_nan) add("--allow-nan");
  if (arguments.max_shard_size_bytes != MergeToDiskOptions().max_shard_size_bytes) {
    add("--max-shard-size " + std::to_string(arguments.max_shard_size_bytes));
  }
  return text;
}

Resumption resumption_of(const MergeArguments& arguments) {
  return arguments.resume ? Resumption::kTaken : Resumption::kOffered;
}

// "en-vlm (57 of 164 tensors used; not: vision/..., ...)"
std::string described(const PlanSummary::Input& input) {
  std::string text = input.name + " (" + std::to_string(input.num_used) + " of " +
                     std::to_string(input.num_tensors) + " tensors used";
  for (const std::string& name : input.unused) {
    text += (&name == &input.unused.front() ? "; not: " : ", ") + name;
  }
  const bool are_more = input.num_tensors - input.num_used > input.unused.size();
  return text + (are_more ? ", ...)" : ")");
}

void print_plan(const PlanSummary& plan) {
  std::printf("method      %s\n", plan.method.c_str());
  for (const PlanSummary::Input& input : plan.inputs) {
    std::printf("input       %s\n", described(input).c_str());
  }
  std::printf("kept from   %s (config, tokenizer, side files)\n", plan.donor.c_str());
  std::printf("vocabulary  %s\n", plan.vocabulary.c_str());
  std::printf("tensors     %zu, of them %zu copied\n", plan.num_tensors, plan.num_copied);
  std::printf("to read     %s\n", byte_text(plan.bytes_to_read).c_str());
  std::printf("to write    %s\n", byte_text(plan.bytes_to_write).c_str());
  for (const std::string& warning : plan.warnings) std::printf("warning     %s\n", warning.c_str());
}

void print_costs(const PlanCost& cost) {
  std::printf("memory      %s at most, besides mapped files\n",
              byte_text(cost.peak_memory_bytes).c_str());
  if (cost.overflow_bytes > 0) {
    std::printf("disk        %s at most, beside the result, for what does not fit there\n",
                byte_text(cost.overflow_bytes).c_str());
  }
  std::printf("time        about %s s, more if the models have to come from the disk\n",
              fixed(std::max(cost.seconds, 0.1), cost.seconds < 10 ? 1 : 0).c_str());
}

void print_tensors(const PlanSummary& plan) {
  for (const PlanSummary::Tensor& tensor : plan.tensors) {
    std::printf("\n%s  %s %s%s%s\n", tensor.name.c_str(), tensor.dtype.c_str(),
                to_string(tensor.shape).c_str(), tensor.is_copy ? "  copied" : "  ",
                tensor.is_copy ? "" : tensor.parameters.c_str());
    for (const std::string& source : tensor.sources) std::printf("  from %s\n", source.c_str());
  }
}

void run_adapter_merge(const MergeArguments& arguments, const AdapterPlan& plan,
                       const GlobalOptions& global) {
  if (arguments.allow_nan) {
    throw Error(ErrorCode::kInvalidArgument,
                "adapters are merged of finite values only: " + arguments.recipe + ": --allow-nan");
  }
  check_merge_adapters(plan, arguments.target);
  ThreadPool pool(global.num_threads);
  const PlanSummary summary = summarize(plan.deltas);
  std::printf("%s", adapter_plan_text(plan, summary).c_str());
  if (arguments.dry_run) {
    print_costs(estimate_adapter_cost(plan, pool.num_threads()));
    std::printf("%s", adapter_tensors_text(plan, summary).c_str());
    return;
  }
  ProgressLine progress(global.quiet);
  const AdapterMergeOptions options{.seed = arguments.seed,
                                    .command_options = options_beside_recipe(arguments),
                                    .resumption = resumption_of(arguments),
                                    .on_progress = progress.callback(),
                                    .stop_requested = stop_on_interrupt()};
  const AdapterReport report = merge_adapters(plan, arguments.target, options, pool);
  progress.finish();
  std::printf("%s", adapter_report_text(report, arguments.target).c_str());
}

void run_merge(const MergeArguments& arguments, const GlobalOptions& global) {
  RecipeOptions recipe_options;
  recipe_options.merge.seed = arguments.seed;
  recipe_options.merge.allow_nan = arguments.allow_nan;
  recipe_options.merge.memory = memory_beside(arguments.target);
  recipe_options.document = arguments.document;
  if (arguments.compat == "mergekit") recipe_options.dialect = RecipeDialect::kMergekit;
  const PlannedRecipe planned = plan_recipe(arguments.recipe, recipe_options);
  if (const auto* const adapters = std::get_if<AdapterPlan>(&planned)) {
    return run_adapter_merge(arguments, *adapters, global);
  }
  const auto& merged = std::get<std::shared_ptr<const MergedCheckpoint>>(planned);
  ThreadPool pool(global.num_threads);
  MergeToDiskOptions options;
  options.max_shard_size_bytes = arguments.max_shard_size_bytes;
  options.command_options = options_beside_recipe(arguments);
  check_merge_to_disk(*merged, arguments.target, options);
  if (!arguments.dry_run) {
    const AtomicDirectory can_be_made(arguments.target, UnfinishedWork::kKeep);
  }
  const PlanSummary plan = summarize(merged->plan());
  print_plan(plan);
  if (arguments.dry_run) {
    print_costs(estimate_cost(merged->plan(), try_method(merged->plan()), pool.num_threads()));
    print_tensors(plan);
    return;
  }
  ProgressLine progress(global.quiet);
  options.on_progress = progress.callback();
  options.stop_requested = stop_on_interrupt();
  options.resumption = resumption_of(arguments);
  merge_to_disk(*merged, arguments.target, options, pool);
  progress.finish();
  std::printf("written     %s\n", arguments.target.c_str());
}

std::string names_of_methods() {
  std::string names;
  for (const MergeMethod& method : merge_methods()) {
    names += (names.empty() ? "" : ", ") + method.name;
  }
  return names;
}

// Instead of a merge.
void print_methods() {
  for (const MergeMethod& method : merge_methods()) {
    std::printf("%s%s", &method == &merge_methods().front() ? "" : "\n",
                method_help(method).c_str());
  }
  throw CLI::Success();
}

}  // namespace

void add_merge_command(CLI::App& app, const GlobalOptions& global) {
  auto* command = app.add_subcommand("merge", "merge models by a recipe into a new checkpoint");
  auto arguments = std::make_shared<MergeArguments>();
  command->add_option("RECIPE", arguments->recipe, "recipe file (YAML)")->required();
  auto* target = command->add_option("OUT_DIR", arguments->target, "new directory to write");
  command->add_flag("--dry-run", arguments->dry_run,
                    "read headers only and print what would be merged");
  seed_number(
      command->add_option("--seed", arguments->seed, "seed of random masks (dare_*, della*)"))
      ->capture_default_str();
  command->add_flag("--resume", arguments->resume,
                    "go on with a merge of the same recipe and models that was stopped or killed");
  command->add_flag(
      "--allow-nan", arguments->allow_nan,
      "merge and write weights that are infinite or not a number, instead of refusing them");
  command
      ->add_option("--document", arguments->document,
                   "of a recipe with several documents the one of this name, instead of the one "
                   "without a name")
      ->type_name("NAME");
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
  command
      ->add_flag_callback("--help-methods", print_methods,
                          "print what every method does and its parameters")
      ->trigger_on_parse();
  command->footer("Methods: " + names_of_methods() + " (--help-methods)\n\n");
  command->callback([arguments, target, &global] {
    if (!arguments->dry_run && target->empty()) throw CLI::RequiredError("OUT_DIR");
    if (!target->empty() && arguments->target.empty()) {
      throw CLI::ValidationError("OUT_DIR", "is empty");
    }
    run_merge(*arguments, global);
  });
}

}  // namespace vlm
