#pragma once

// The difference of two models as a LoRA adapter of the first.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "core/progress.h"
#include "core/thread_pool.h"

namespace vlm {

struct LoraExtractionOptions {
  std::size_t rank = 16;
  std::uint64_t seed = 0;        // of the random projections
  std::string base_name;         // written into adapter_config.json
  ProgressCallback on_progress;  // stage "extract", counts modules
  StopRequested stop_requested;
};

// How well an adapter holds the differences of one kind of module, e.g. "self_attn.q_proj".
struct ExtractedKind {
  std::string name;
  std::size_t modules = 0;
  double relative_error = 0;  // norm(D - B A) / norm(D) over all modules of the kind
  double largest_error = 0;   // of a single module
};

struct LoraExtraction {
  std::vector<ExtractedKind> kinds;      // in the order of the model
  std::vector<std::string> saved_whole;  // modules: embeddings, head, norms that differ
};

// Writes the adapter as a new directory that PEFT and LoraAdapter read. Matrices of layers and
// projector that differ become B A of the rank (of their smaller side if that is less) with scale
// 1, differing biases of them lora_B.bias; embeddings, head and other tensors that differ are saved
// whole. Values are float32. The bytes do not depend on threads.
// Throws Error{kInvalidArgument} for models of other tensors or shapes, and for equal ones;
// Error{kCorruptFile} for weights that are not finite; Error{kExists, kIo, kInterrupted}.
LoraExtraction extract_lora(const Checkpoint& base, const Checkpoint& model,
                            const std::filesystem::path& target,
                            const LoraExtractionOptions& options, ThreadPool& pool);

}  // namespace vlm
