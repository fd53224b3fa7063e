#pragma once

// Computes a merge of LoRA adapters.

#include <cstdint>
#include <filesystem>
#include <string>

#include "checkpoint/writer.h"
#include "core/progress.h"
#include "core/thread_pool.h"
#include "merge/adapter_plan.h"
#include "merge/adapter_writer.h"

namespace vlm {

struct AdapterMergeOptions {
  std::uint64_t seed = 0;       // of random masks, and of the projections that cut to a rank
  std::string command_options;  // see MergeToDiskOptions
  Resumption resumption = Resumption::kNever;
  ProgressCallback on_progress;  // stage "merge", counts tensors
  StopRequested stop_requested;
};

// What merge_adapters() would refuse of a target before it computes anything: one that exists or
// cannot be made, a full disk. Leaves nothing behind. An empty `target` is one not yet chosen.
void check_merge_adapters(const AdapterPlan& plan, const std::filesystem::path& target);

// Writes the adapter as a new directory: adapter_config.json, adapter_model.safetensors and
// recipe.yaml. Products that are joined are exact but for rounding; the report tells what cutting
// the others lost. The bytes depend neither on threads nor on where a run was killed before another
// went on. What is cut or saved whole is held in
// memory of memory_beside(). Throws Error{kCorruptFile}
// for values that are not finite, and what write_checkpoint() throws for targets, stops and
// changes.
AdapterReport merge_adapters(const AdapterPlan& plan, const std::filesystem::path& target,
                             const AdapterMergeOptions& options, ThreadPool& pool);

}  // namespace vlm
