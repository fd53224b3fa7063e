#pragma once

// The generation options of the command line, and their overrides in a line of input.

#include <cstddef>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "core/json_fields.h"
#include "language/generation_options.h"

namespace vlm {

// Adds --max-tokens, --min-tokens, --beams, --length-penalty, --early-stopping,
// --repetition-penalty, --no-repeat-ngram, --eos and --stop, stored in `options`, which must
// outlive the parsing.
void add_generation_options(CLI::App& command, GenerationOptions& options);

// `options` with the keys that a line of `generate --input` overrides ("max_tokens", "min_tokens",
// "beams", "length_penalty", "early_stopping", "repetition_penalty", "no_repeat_ngram", "eos",
// "stop"). Throws Error{kCorruptFile}.
GenerationOptions overridden(GenerationOptions options, const JsonFields& line);

// Names of those keys.
std::vector<std::string> generation_override_keys();

}  // namespace vlm
