#pragma once

// Reads the tokenizer rule of a recipe.

#include <string>

#include <yaml-cpp/node/node.h>

#include "merge/tokenizer_rule.h"

namespace vlm {

// Parses "base", "union" or a model. Throws Error{kInvalidArgument}.
TokenizerRule read_tokenizer_source(const YAML::Node& node, const std::string& where);

// Parses the mapping {source, tokens, pad_to_multiple_of}. Throws Error{kInvalidArgument}.
TokenizerRule read_tokenizer_rule(const YAML::Node& node, const std::string& where);

}  // namespace vlm
