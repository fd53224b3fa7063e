#pragma once

// Writes a merge as a checkpoint directory that loads in transformers: the donor's layout and side
// files, the new config, the recipe and a model card.

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "checkpoint/writer.h"
#include "core/progress.h"
#include "core/thread_pool.h"
#include "merge/merged_checkpoint.h"

namespace vlm {

struct MergeToDiskOptions {
  std::size_t max_shard_size_bytes = 5'000'000'000;
  // What the program was told besides the recipe, "--document ja --seed 3": written beside it.
  std::string command_options;
  std::map<std::string, std::string> extra_files;  // further files: name -> content
  Resumption resumption = Resumption::kNever;
  ProgressCallback on_progress;  // stage "write", counts tensors
  StopRequested stop_requested;
};

// Writes all of `merged` to a new directory `target`, which appears only when it is complete.
// Besides the donor's side files there are recipe.yaml (as written, behind a comment with the
// options) and README.md. Throws as write_checkpoint().
void merge_to_disk(const MergedCheckpoint& merged, const std::filesystem::path& target,
                   const MergeToDiskOptions& options, ThreadPool& pool);

// MergeOptions::memory of a merge to `target`: kMaxWorkingBytes, the rest in files beside it.
std::shared_ptr<OverflowMemory> memory_beside(const std::filesystem::path& target);

// What the bytes of a merge depend on besides the weights and the options of writing.
Json merge_identity(const MergedCheckpoint& merged);

// What merge_to_disk() would refuse before it computes a tensor, see check_can_write().
void check_merge_to_disk(const MergedCheckpoint& merged, const std::filesystem::path& target,
                         const MergeToDiskOptions& options);

// recipe.yaml: the recipe below the command that makes the model of it, which takes the place of an
// earlier one.
std::string recorded_recipe(const std::string& text, const std::string& command_options);

// The README.md of a merge: method, models, recipe and options. Models of the hub's cache are named
// as the hub wants it.
std::string model_card(const MergePlan& plan, const std::string& command_options);

}  // namespace vlm
