#pragma once

// Opens the models a recipe names, each once, and compares and aligns their tokenizers once.

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "checkpoint/checkpoint.h"
#include "checkpoint/lora_adapter.h"
#include "merge/plan.h"
#include "merge/token_comparison.h"
#include "merge/vocabulary_alignment.h"

namespace vlm {

// Gives out open checkpoints by their name in a recipe. A relative path is looked for in the
// current directory (as mergekit does), then in `recipe_folder`. "MODEL+ADAPTER" is the model with
// a LoRA adapter, a directory or a hub id like it. Not thread-safe.
class ModelPool {
 public:
  // `open` opens a directory or a hub id.
  ModelPool(OpenModel open, std::filesystem::path recipe_folder)
      : open_(std::move(open)), recipe_folder_(std::move(recipe_folder)) {}

  ~ModelPool() = default;
  ModelPool(const ModelPool&) = delete;
  ModelPool& operator=(const ModelPool&) = delete;
  ModelPool(ModelPool&&) = default;
  ModelPool& operator=(ModelPool&&) = default;

  // Models that `find` knows go before those on the disk; it gives null for others.
  void use_documents(OpenModel find) { find_document_ = std::move(find); }

  // Throws what `open` throws; Error{kInvalidArgument} for more than one adapter or one that does
  // not fit the model; what LoraAdapter throws.
  std::shared_ptr<const Checkpoint> operator()(const std::string& model);

  // Of the models that it keeps open.
  TokenComparisons& token_comparisons() noexcept { return token_comparisons_; }
  VocabularyAlignments& vocabulary_alignments() noexcept { return vocabulary_alignments_; }

  // An adapter alone, and whether a name is that of one: checkpoint/model_location.h.
  [[nodiscard]] std::shared_ptr<const LoraAdapter> open_adapter(const std::string& adapter) const;
  [[nodiscard]] bool is_adapter(const std::string& name) const;

 private:
  [[nodiscard]] std::string located(const std::string& name) const;
  std::shared_ptr<const Checkpoint> open_named(const std::string& model);

  OpenModel open_;
  OpenModel find_document_;  // may be empty
  std::filesystem::path recipe_folder_;
  std::map<std::string, std::shared_ptr<const Checkpoint>> open_models_;
  TokenComparisons token_comparisons_;
  VocabularyAlignments vocabulary_alignments_;
};

// make_merge_plan() of merge/plan.h for models of a pool, whose tokenizers are compared and aligned
// once for all plans.
MergePlan make_merge_plan(const Recipe& recipe, ModelPool& models);

}  // namespace vlm
