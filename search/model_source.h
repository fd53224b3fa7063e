#pragma once

// What a user may name as a model: a checkpoint directory, a hub id in the local cache, or a recipe
// file, whose merge is then computed in memory.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <variant>

#include "checkpoint/checkpoint.h"
#include "merge/adapter_plan.h"
#include "merge/merged_checkpoint.h"
#include "merge/model_pool.h"
#include "merge/recipe_parser.h"

namespace vlm {

// Opens the models that recipes name; relative names are looked for in the current directory, then
// in `folder`.
ModelPool make_model_pool(const std::filesystem::path& folder);

// True for a name that ends in .yaml or .yml.
bool names_a_recipe(const std::string& model);

struct RecipeOptions {
  MergeOptions merge;
  std::string document;  // of a file with several; "": the one without a name
  RecipeDialect dialect = RecipeDialect::kOwn;
};

// What a recipe makes: a model, or of adapters alone an adapter.
using PlannedRecipe = std::variant<std::shared_ptr<const MergedCheckpoint>, AdapterPlan>;

// Plans a recipe file, of several documents the one of the options. Throws what
// parse_recipe_documents(), RecipeDocuments, make_merge_plan() and plan_adapter_merge() throw.
PlannedRecipe plan_recipe(const std::filesystem::path& file, const RecipeOptions& options);

// Opens a model of any kind. Throws Error{kNotFound, kCorruptFile, kUnsupported, ...}, also for a
// recipe of adapters alone.
std::shared_ptr<const Checkpoint> open_model(const std::string& model, std::uint64_t seed = 0);

}  // namespace vlm
