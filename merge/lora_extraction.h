#pragma once

// The difference of two models as a LoRA adapter of the first.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include "checkpoint/checkpoint.h"
#include "core/progress.h"
#include "core/thread_pool.h"
#include "merge/adapter_writer.h"

namespace vlm {

struct LoraExtractionOptions {
  std::size_t rank = 16;
  std::uint64_t seed = 0;        // of the random projections
  std::string base_name;         // written into adapter_config.json
  ProgressCallback on_progress;  // stage "extract", counts modules
  StopRequested stop_requested;
};

// Writes the adapter as a new directory that PEFT and LoraAdapter read. Matrices of layers and
// projector that differ become B A of the rank (of their smaller side if that is less) with scale
// 1, differing biases of them lora_B.bias; embeddings, head and other tensors that differ are saved
// whole. Values are float32. The bytes do not depend on threads. Holds the products until all are
// found, and matrices in work in memory of memory_beside().
// Throws Error{kInvalidArgument} for models of other tensors or shapes, and for equal ones;
// Error{kCorruptFile} for weights that are not finite; Error{kExists, kIo, kInterrupted}.
AdapterReport extract_lora(const Checkpoint& base, const Checkpoint& model,
                           const std::filesystem::path& target,
                           const LoraExtractionOptions& options, ThreadPool& pool);

}  // namespace vlm
