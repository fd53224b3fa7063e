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

  // The merge of that name; with "" that of the document without a name, or of the only document.
  // Throws Error{kInvalidArgument} if there is none, and for documents that refer to each other in
  // a circle; what make_merge_plan() throws.
  std::shared_ptr<const MergedCheckpoint> merge(const std::string& name);

 private:
  [[nodiscard]] std::size_t find(const std::string& name) const;
  std::shared_ptr<const MergedCheckpoint> merge_at(std::size_t index);

  std::vector<Recipe> recipes_;
  ModelPool& models_;
  MergeOptions options_;
  std::map<std::size_t, std::shared_ptr<const MergedCheckpoint>> merged_;  // by index
  std::vector<std::size_t> in_progress_;
};

}  // namespace vlm
