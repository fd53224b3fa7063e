#pragma once

// A model's tokenizer as metadata of a GGUF file.

#include <cstddef>
#include <filesystem>

#include "checkpoint/gguf_writer.h"
#include "core/json_fields.h"

namespace vlm {

// The keys `tokenizer.*` for a model directory and `num_rows` rows of embeddings: rows without a
// token are unused ones, tokens without a row are left out. `text` is the language model's config,
// which names begin, end and padding. Takes tokenizer.model (SentencePiece BPE), else a
// tokenizer.json with byte-level BPE whose way of cutting words llama.cpp knows.
// Throws Error{kNotFound, kCorruptFile, kUnsupported}.
GgufMetadata gguf_vocabulary(const std::filesystem::path& directory, const JsonFields& text,
                             std::size_t num_rows);

}  // namespace vlm
