#pragma once

// The model of a tokenizer.json: a vocabulary and merges.

#include "core/json_fields.h"
#include "language/bpe_model.h"

namespace vlm {

// Reads "model". Merges may be "a b" or ["a", "b"].
// Throws Error{kCorruptFile} for ids that are not different or too large and for merges of what is
// not in the vocabulary, Error{kUnsupported} for another kind of model.
BpeModel parse_bpe_model(const JsonFields& file);

}  // namespace vlm
