#pragma once

// What a search file asks for, resolved against the headers of its models; reads no weights.

#include <cstdint>
#include <map>
#include <string>

#include "evolve/search_space.h"
#include "merge/model_pool.h"
#include "merge/plan.h"
#include "search/recipe_template.h"
#include "search/search_config.h"

namespace vlm {

// What candidates differ in of all that makes features of pictures.
enum class FeatureChanges : std::uint8_t {
  kNone,       // features are computed once for all
  kProjector,  // pictures are looked at once for all
  kTower       // in the vision tower, maybe also in the projector
};

struct SearchPlan {
  RecipeTemplate recipe;
  SearchSpace space;         // a dimension for each gene
  std::string first_recipe;  // YAML text with the initial values
  MergePlan first_merge;     // of that recipe
  FeatureChanges feature_changes = FeatureChanges::kNone;
};

// Opens the models, expands the genes and plans the merge with the initial values.
// Throws Error{kInvalidArgument, kUnsupported, kNotFound, kCorruptFile}.
SearchPlan plan_search(const SearchConfig& config, ModelPool& models);

// The recipe's text with the parameters of a trial, by gene name. Throws Error{kCorruptFile} if a
// gene is missing.
std::string recipe_of(const RecipeTemplate& recipe, const std::map<std::string, double>& parameters,
                      const std::string& where);

}  // namespace vlm
