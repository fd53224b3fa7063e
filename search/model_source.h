#pragma once

// What a user may name as a model: a checkpoint directory, a hub id in the local cache, or a recipe
// file, whose merge is then computed in memory.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

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

// Plans a recipe file. Throws what parse_recipe_documents(), RecipeDocuments and make_merge_plan()
// throw.
std::shared_ptr<const MergedCheckpoint> open_recipe(const std::filesystem::path& file,
                                                    const RecipeOptions& options);

// Plans a recipe file of adapters alone; nothing if the recipe (of several documents the one of the
// options) has other models. Throws what parse_recipe_documents() and plan_adapter_merge() throw.
std::optional<AdapterPlan> open_adapter_recipe(const std::filesystem::path& file,
                                               const RecipeOptions& options);

// Opens a model of any kind. Throws Error{kNotFound, kCorruptFile, kUnsupported, ...}.
std::shared_ptr<const Checkpoint> open_model(const std::string& model, std::uint64_t seed = 0);

}  // namespace vlm
