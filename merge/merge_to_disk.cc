#include "merge/merge_to_disk.h"

#include <algorithm>
#include <optional>

#include "checkpoint/model_location.h"
#include "core/atomic_directory.h"
#include "core/version.h"
#include "merge/merged_config.h"
#include "merge/plan_cost.h"
#include "merge/single_view.h"

namespace vlm {
namespace {

// "org/name" for a model of the hub's cache, else nothing.
std::optional<std::string> hub_id_of(const PlanInput& input) {
  const std::string id = input.name.substr(0, input.name.find_first_of("@+"));
  if (id.find('/') == std::string::npos) return std::nullopt;
  const std::filesystem::path& directory = input.checkpoint->directory();
  const bool is_cached =
      std::find(directory.begin(), directory.end(), hub_folder(id)) != directory.end();
  return is_cached ? std::optional(id) : std::nullopt;
}

// What the hub shows of a model card, as YAML.
std::string front_matter(const MergePlan& plan) {
  std::string models;
  for (const PlanInput& input : plan.inputs) {
    const auto id = hub_id_of(input);
    const std::string line = id ? "- " + *id + "\n" : "";
    if (models.find("\n" + line) == std::string::npos && !models.starts_with(line)) models += line;
  }
  if (!models.empty()) models = "base_model:\n" + models + "base_model_relation: merge\n";
  return "---\n" + models + "library_name: transformers\ntags:\n- merge\n- vlm-merge\n---\n";
}

WriteOptions write_options(const MergedCheckpoint& merged, const MergeToDiskOptions& options) {
  WriteOptions write;
  write.max_shard_size_bytes = options.max_shard_size_bytes;
  write.layout = merged.layout();
  const MergePlan& plan = merged.plan();
  write.config_json =
      config_text(merged.config(), plan.inputs[plan.donor].checkpoint->directory() / "config.json");
  write.extra_files = options.extra_files;
  if (merged.config().family == ModelFamily::kLlava) {  // as such, or made so by `views: single`
    write.extra_files.merge(single_view_side_files(merged.directory()));
  }
  write.extra_files["recipe.yaml"] = recorded_recipe(plan.recipe.text, options.command_options);
  write.extra_files["README.md"] = model_card(plan, options.command_options);
  write.resumption = options.resumption;
  write.identity = merge_identity(merged);
  if (const auto& memory = merged.options().memory) {
    write.overflow_bytes = overflow_bytes(plan, memory->budget_bytes());
  }
  write.on_progress = options.on_progress;
  write.stop_requested = options.stop_requested;
  return write;
}

}  // namespace

void merge_to_disk(const MergedCheckpoint& merged, const std::filesystem::path& target,
                   const MergeToDiskOptions& options, ThreadPool& pool) {
  write_checkpoint(merged, target, write_options(merged, options), pool);
}

std::shared_ptr<OverflowMemory> memory_beside(const std::filesystem::path& target) {
  return std::make_shared<OverflowMemory>(kMaxWorkingBytes,
                                          AtomicDirectory::working_directory(target).parent_path());
}

void check_merge_to_disk(const MergedCheckpoint& merged, const std::filesystem::path& target,
                         const MergeToDiskOptions& options) {
  check_can_write(merged, target, write_options(merged, options));
}

Json merge_identity(const MergedCheckpoint& merged) {
  return {{"program", kVersion},
          {"recipe", merged.plan().recipe.text},
          {"document", merged.plan().recipe.name},
          {"compat", merged.plan().recipe.imitates_mergekit},
          {"tokenizers", merged.row_alignment()},
          {"seed", merged.options().seed},
          {"allow-nan", merged.options().allow_nan}};
}

std::string recorded_recipe(const std::string& text, const std::string& command_options) {
  const std::string command = "# vlm-merge merge recipe.yaml OUT_DIR ";
  const std::size_t first = text.starts_with(command) ? text.find('\n') + 1 : 0;
  const std::string recipe = text.substr(first);
  return command_options.empty() ? recipe : command + command_options + "\n" + recipe;
}

std::string model_card(const MergePlan& plan, const std::string& command_options) {
  const std::string method =
      plan.recipe.path
          ? "path`: layers of the models one after the other (Akiba et al. 2024, \"Evolutionary "
            "optimization of model merging recipes\", section 3.2"
          : plan.method->name + "`: " + plan.method->formula + " (" + plan.method->paper;
  std::string card =
      front_matter(plan) +
      "# Merged model\n\n"
      "Made by vlm-merge, without training, from the models below.\n\n## Method\n\n`" +
      method + ")\n\n## Models\n\n";
  for (std::size_t i = 0; i < plan.inputs.size(); ++i) {
    card += "- `" + plan.inputs[i].name + "`";
    if (plan.inputs[i].name == plan.recipe.base_model) card += ", base";
    if (i == plan.donor) card += ", gave config, tokenizer and all that was not merged";
    card += "\n";
  }
  card += "\n## Recipe\n\n";
  if (!command_options.empty()) card += "Merged with `" + command_options + "`.\n\n";
  card += "```yaml\n" + plan.recipe.text;
  if (!card.ends_with('\n')) card += "\n";
  return card + "```\n";
}

}  // namespace vlm
