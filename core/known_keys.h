#pragma once

// Keys of an input file that nobody reads are mistakes.

#include <span>
#include <string>

#include "core/json_fields.h"

namespace vlm {

// Throws Error{kCorruptFile} for a key of `input` that is not in `known`, with the nearest one.
void require_known_keys(const JsonFields& input, std::span<const std::string> known);

}  // namespace vlm
