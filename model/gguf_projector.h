#pragma once

// Writing what llama.cpp needs beside the language model to see: a GGUF file ("mmproj") of vision
// tower and projector.

#include <filesystem>

#include "checkpoint/checkpoint.h"
#include "core/thread_pool.h"
#include "model/gguf_export.h"

namespace vlm {

// Writes vision tower and projector of a LLaVA 1.5 to `path`: architecture "clip", projector type
// "mlp". Patch and position embeddings stay float32. The last norm of the tower, which LLaVA does
// not use and llama.cpp would, is left out. Replaces the file as a whole or not at all.
// Throws Error{kUnsupported} for a model without a vision tower and for what llama.cpp does not
// compute this way: tiles of LLaVA 1.6, other activations or selections of features; and as
// export_gguf_text().
void export_gguf_projector(const Checkpoint& model, const std::filesystem::path& path,
                           const GgufOptions& options, ThreadPool& pool);

}  // namespace vlm
