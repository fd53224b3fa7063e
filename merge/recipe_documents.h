#pragma once

// A recipe file of several documents, as mergekit-multi takes them: a named document is a model of
// the others. It is computed when its tensors are read; nothing is written in between.

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "merge/merged_checkpoint.h"
#include "merge/model_pool.h"
#include "merge/recipe.h"

namespace vlm {

// Which of the recipes has that name; with "" the one without a name, or the only one. Throws
// Error{kInvalidArgument} if there is none. REQUIRES: at least one recipe.
std::size_t find_document(const std::vector<Recipe>& recipes, const std::string& name);

// Not thread-safe. REQUIRES: outlives the pool's use for planning.
class RecipeDocuments {
 public:
  // `options` are those of each merge; if there are several documents, a named one has a seed of
  // its own, made of the seed and its name, so that masks of two documents are independent. All of
  // them find their models in `models`, which learns the names. REQUIRES: at least one recipe;
  // names differ.
  RecipeDocuments(std::vector<Recipe> recipes, ModelPool& models, MergeOptions options);
  ~RecipeDocuments() = default;
  RecipeDocuments(const RecipeDocuments&) = delete;
  RecipeDocuments& operator=(const RecipeDocuments&) = delete;
  RecipeDocuments(RecipeDocuments&&) = delete;
  RecipeDocuments& operator=(RecipeDocuments&&) = delete;

  // The merge of the document that find_document() finds. Throws also Error{kInvalidArgument} for
  // documents that refer to each other in a circle and for one of adapters alone, which makes no
  // model; what make_merge_plan() throws.
  std::shared_ptr<const MergedCheckpoint> merge(const std::string& name);

 private:
  std::shared_ptr<const MergedCheckpoint> merge_at(std::size_t index);

  std::vector<Recipe> recipes_;
  ModelPool& models_;
  MergeOptions options_;
  std::map<std::size_t, std::shared_ptr<const MergedCheckpoint>> merged_;  // by index
  std::vector<std::size_t> in_progress_;
};

}  // namespace vlm
