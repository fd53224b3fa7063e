#include "merge/merge_to_disk.h"

#include "core/version.h"
#include "merge/single_view.h"

namespace vlm {
namespace {

// What the bytes of a merge depend on besides the weights.
Json identity_of(const MergedCheckpoint& merged) {
  return {{"program", kVersion},
          {"recipe", merged.plan().recipe.text},
          {"document", merged.plan().recipe.name},
          {"compat", merged.plan().recipe.imitates_mergekit},
          {"seed", merged.options().seed},
          {"allow-nan", merged.options().allow_nan}};
}

WriteOptions write_options(const MergedCheckpoint& merged, const MergeToDiskOptions& options) {
  WriteOptions write;
  write.max_shard_size_bytes = options.max_shard_size_bytes;
  write.layout = merged.layout();
  write.config_json = merged.config().original.dump(2) + "\n";
  write.extra_files = options.extra_files;
  if (merged.config().family == ModelFamily::kLlava) {  // as such, or made so by `views: single`
    write.extra_files.merge(single_view_side_files(merged.directory()));
  }
  write.extra_files["recipe.yaml"] = merged.plan().recipe.text;
  write.extra_files["README.md"] = model_card(merged.plan());
  write.resumption = options.resumption;
  write.identity = identity_of(merged);
  write.on_progress = options.on_progress;
  write.stop_requested = options.stop_requested;
  return write;
}

}  // namespace

void merge_to_disk(const MergedCheckpoint& merged, const std::filesystem::path& target,
                   const MergeToDiskOptions& options, ThreadPool& pool) {
  write_checkpoint(merged, target, write_options(merged, options), pool);
}

void check_merge_to_disk(const MergedCheckpoint& merged, const std::filesystem::path& target,
                         const MergeToDiskOptions& options) {
  check_can_write(merged, target, write_options(merged, options));
}

std::string model_card(const MergePlan& plan) {
  const std::string method =
      plan.recipe.path
          ? "path`: layers of the models one after the other (Akiba et al. 2024, \"Evolutionary "
            "optimization of model merging recipes\", section 3.2"
          : plan.method->name + "`: " + plan.method->formula + " (" + plan.method->paper;
  std::string card =
      "---\nlibrary_name: transformers\ntags:\n- merge\n- vlm-merge\n---\n# Merged model\n\n"
      "Made by vlm-merge, without training, from the models below.\n\n## Method\n\n`" +
      method + ")\n\n## Models\n\n";
  for (std::size_t i = 0; i < plan.inputs.size(); ++i) {
    card += "- `" + plan.inputs[i].name + "`";
    if (plan.inputs[i].name == plan.recipe.base_model) card += ", base";
    if (i == plan.donor) card += ", gave config, tokenizer and all that was not merged";
    card += "\n";
  }
  card += "\n## Recipe\n\n```yaml\n" + plan.recipe.text;
  if (!card.ends_with('\n')) card += "\n";
  return card + "```\n";
}

}  // namespace vlm
