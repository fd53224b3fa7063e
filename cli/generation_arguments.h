#pragma once

// The generation options of the command line and of a line of `generate --input`. What neither
// names keeps the model's default.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "core/json_fields.h"
#include "language/generation_options.h"

namespace vlm {

// The options that were named.
struct GenerationOverrides {
  std::optional<std::size_t> max_tokens;
  std::optional<std::size_t> min_tokens;
  std::optional<std::size_t> num_beams;
  std::optional<double> length_penalty;
  std::optional<EarlyStopping> early_stopping;
  std::optional<double> repetition_penalty;
  std::optional<std::size_t> no_repeat_ngram;
  std::optional<double> temperature;
  std::optional<std::size_t> top_k;
  std::optional<double> top_p;
  std::optional<double> min_p;
  std::optional<std::uint64_t> seed;
  std::optional<std::vector<TokenId>> eos_ids;
  std::optional<std::vector<std::string>> stop;
};

// Adds --max-tokens and the others, stored in `overrides`, which must outlive the parsing.
void add_generation_options(CLI::App& command, GenerationOverrides& overrides);

// The options that a line of input names, by the keys of generation_override_keys().
// Throws Error{kCorruptFile}.
GenerationOverrides overrides_in(const JsonFields& line);

// Names of those keys: the command line's with _ for -.
std::vector<std::string> generation_override_keys();

// What `line` names, else what `command` names, else `defaults`.
// Throws Error{kInvalidArgument} if top_k, top_p or min_p is named but nothing sets a temperature.
GenerationOptions resolve(const GenerationOverrides& line, const GenerationOverrides& command,
                          const GenerationOptions& defaults);

}  // namespace vlm
