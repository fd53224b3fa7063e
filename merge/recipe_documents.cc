#include "merge/recipe_documents.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/nearest_name.h"
#include "core/philox.h"
#include "merge/adapter_plan.h"

namespace vlm {

std::size_t find_document(const std::vector<Recipe>& recipes, const std::string& name) {
  if (recipes.size() == 1 && name.empty()) return 0;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < recipes.size(); ++i) {
    if (recipes[i].name == name) return i;
    if (!recipes[i].name.empty()) names.push_back(recipes[i].name);
  }
  const std::string& where = recipes.front().where;
  if (name.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "every document has a name, so --document must choose one: " + where +
                    name_hint("", names));
  }
  throw Error(ErrorCode::kInvalidArgument,
              "no such document: " + where + ": '" + name + "'" + name_hint(name, names));
}

RecipeDocuments::RecipeDocuments(std::vector<Recipe> recipes, ModelPool& models,
                                 MergeOptions options)
    : recipes_(std::move(recipes)), models_(models), options_(std::move(options)) {
  if (recipes_.size() == 1) return;
  models_.use_documents([this](const std::string& name) -> std::shared_ptr<const Checkpoint> {
    const bool is_document =
        !name.empty() && std::any_of(recipes_.begin(), recipes_.end(),
                                     [&](const Recipe& recipe) { return recipe.name == name; });
    return is_document ? merge(name) : nullptr;
  });
}

std::shared_ptr<const MergedCheckpoint> RecipeDocuments::merge(const std::string& name) {
  return merge_at(find_document(recipes_, name));
}

std::shared_ptr<const MergedCheckpoint> RecipeDocuments::merge_at(std::size_t index) {
  if (const auto found = merged_.find(index); found != merged_.end()) return found->second;
  const Recipe& recipe = recipes_[index];
  if (std::find(in_progress_.begin(), in_progress_.end(), index) != in_progress_.end()) {
    std::string circle;
    for (const std::size_t each : in_progress_) circle += "'" + recipes_[each].name + "' -> ";
    throw Error(ErrorCode::kInvalidArgument,
                "documents of a recipe refer to each other: " + recipe.where + ": " + circle + "'" +
                    recipe.name + "'");
  }
  if (merges_adapters(recipe, models_)) {
    throw Error(ErrorCode::kInvalidArgument,
                "a recipe of adapters alone makes an adapter, no model: " + recipe.where +
                    " (merge it, then write MODEL+OUT_DIR with a model that they fit)");
  }
  in_progress_.push_back(index);
  MergeOptions options = options_;
  if (recipes_.size() > 1 && !recipe.name.empty()) {
    options.seed = philox_key(options_.seed, "document " + recipe.name);
  }
  auto merged = std::make_shared<const MergedCheckpoint>(make_merge_plan(recipe, models_),
                                                         std::move(options));
  in_progress_.pop_back();
  merged_.emplace(index, merged);
  return merged;
}

}  // namespace vlm
