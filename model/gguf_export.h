#pragma once

// Writing a model as GGUF files for llama.cpp.

#include <filesystem>
#include <optional>

#include "checkpoint/checkpoint.h"
#include "checkpoint/gguf_type.h"
#include "core/progress.h"
#include "core/thread_pool.h"

namespace vlm {

struct GgufOptions {
  // Of matrices; vectors are float32, and a matrix whose rows are no multiple of 32 is float16
  // where this is q8_0. Absent: the dtype of the embeddings.
  std::optional<GgufType> type;
  bool allow_nan = false;        // infinities and NaN are written; else refused
  ProgressCallback on_progress;  // stage "export", counts tensors
  StopRequested stop_requested;
};

// Writes the language model (of a VLM: its tower) to `path`: metadata, tokenizer, tensors. Llama
// and Mistral become llama.cpp's architecture "llama", whose rotary embedding pairs neighbours, so
// rows of queries and keys are reordered; Qwen2 becomes "qwen2". Tensors are computed one at a time
// for each thread. Replaces the file as a whole or not at all.
// Throws Error{kUnsupported, kNotFound, kCorruptFile, kIo, kInterrupted}.
void export_gguf_text(const Checkpoint& model, const std::filesystem::path& path,
                      const GgufOptions& options, ThreadPool& pool);

}  // namespace vlm
