#pragma once

// The post_processor of a tokenizer.json: ids that are put before and after a text.

#include <vector>

#include "core/json_fields.h"
#include "language/token_id.h"

namespace vlm {

struct Surroundings {
  std::vector<TokenId> before;
  std::vector<TokenId> after;
};

// Reads "post_processor": TemplateProcessing, ByteLevel (which changes no ids), a Sequence with at
// most one template, or null. Throws Error{kCorruptFile, kUnsupported}.
Surroundings parse_post_processor(const JsonFields& file);

}  // namespace vlm
