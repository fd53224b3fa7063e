#include "search/model_source.h"

#include <utility>
#include <vector>

#include "checkpoint/file_checkpoint.h"
#include "checkpoint/model_location.h"
#include "core/files.h"
#include "merge/recipe_documents.h"
#include "merge/recipe_parser.h"

namespace vlm {
namespace {

std::shared_ptr<const Checkpoint> open_directory(const std::string& model) {
  return FileCheckpoint::open(resolve_model_directory(model));
}

std::vector<Recipe> parse(const std::filesystem::path& file, RecipeDialect dialect) {
  return parse_recipe_documents(read_text_file(file), file.string(), dialect);
}

}  // namespace

ModelPool make_model_pool(const std::filesystem::path& folder) {
  return {open_directory, folder};
}

bool names_a_recipe(const std::string& model) {
  const std::string extension = std::filesystem::path(model).extension().string();
  return extension == ".yaml" || extension == ".yml";
}

PlannedRecipe plan_recipe(const std::filesystem::path& file, const RecipeOptions& options) {
  ModelPool models = make_model_pool(file.parent_path());
  std::vector<Recipe> recipes = parse(file, options.dialect);
  const Recipe& recipe = recipes[find_document(recipes, options.document)];
  if (merges_adapters(recipe, models)) return plan_adapter_merge(recipe, models);
  return RecipeDocuments(std::move(recipes), models, options.merge).merge(options.document);
}

std::shared_ptr<const Checkpoint> open_model(const std::string& model, std::uint64_t seed) {
  if (!names_a_recipe(model)) return make_model_pool({})(model);
  const std::filesystem::path file = model;
  ModelPool models = make_model_pool(file.parent_path());
  return RecipeDocuments(parse(file, RecipeDialect::kOwn), models,
                         {.seed = seed, .cache = nullptr, .allow_nan = false})
      .merge("");
}

}  // namespace vlm
