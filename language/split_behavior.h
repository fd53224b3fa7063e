#pragma once

// What becomes of the matches of a pattern at which a text is cut. Names as in tokenizer.json.

#include <cstdint>
#include <vector>

#include "core/json_fields.h"
#include "language/text_pattern.h"

namespace vlm {

enum class SplitBehavior : std::uint8_t {
  kRemoved,             // they are dropped
  kIsolated,            // each is a part
  kMergedWithPrevious,  // each belongs to the part before it
  kMergedWithNext,      // each belongs to the part after it
  kContiguous           // matches that follow each other are one part
};

// Reads the key "behavior". Throws Error{kCorruptFile, kUnsupported}.
SplitBehavior parse_split_behavior(const JsonFields& fields);

// The parts of a text that `spans` cover.
std::vector<TextSpan> join_spans(const std::vector<TextSpan>& spans, SplitBehavior behavior);

}  // namespace vlm
