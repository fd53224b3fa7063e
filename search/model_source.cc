#include "search/model_source.h"

#include <functional>
#include <utility>

#include "checkpoint/file_checkpoint.h"
#include "checkpoint/model_location.h"
#include "core/files.h"
#include "merge/plan.h"
#include "merge/recipe_parser.h"

namespace vlm {
namespace {

std::shared_ptr<const Checkpoint> open_directory(const std::string& model) {
  return FileCheckpoint::open(resolve_model_directory(model));
}

}  // namespace

ModelPool make_model_pool(const std::filesystem::path& folder) {
  return {open_directory, folder};
}

bool names_a_recipe(const std::string& model) {
  const std::string extension = std::filesystem::path(model).extension().string();
  return extension == ".yaml" || extension == ".yml";
}

std::shared_ptr<const MergedCheckpoint> open_recipe(const std::filesystem::path& file,
                                                    MergeOptions options, bool imitates_mergekit) {
  ModelPool models = make_model_pool(file.parent_path());
  Recipe recipe = parse_recipe(read_text_file(file), file.string());
  recipe.imitates_mergekit = imitates_mergekit;
  MergePlan plan = make_merge_plan(recipe, std::ref(models));
  return std::make_shared<const MergedCheckpoint>(std::move(plan), std::move(options));
}

std::shared_ptr<const Checkpoint> open_model(const std::string& model, std::uint64_t seed) {
  if (names_a_recipe(model)) {
    return open_recipe(model, {.seed = seed, .cache = nullptr, .allow_nan = false});
  }
  return make_model_pool({})(model);
}

}  // namespace vlm
