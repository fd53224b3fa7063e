#pragma once

// Reads the tokenizer rule of a recipe.

#include <string>

#include <yaml-cpp/yaml.h>

#include "merge/tokenizer_rule.h"
#include "merge/yaml_fields.h"

namespace vlm {

// Parses "base", "union" or a model. Throws Error{kInvalidArgument}; with `ignored` keys that are
// not known are noted there instead.
TokenizerRule read_tokenizer_source(const YAML::Node& node, const std::string& where,
                                    IgnoredKeys* ignored);

// Parses the mapping {source, tokens, pad_to_multiple_of}. Throws likewise. With `ignored` a
// token's source of a kind that is not known is the model that it names, as mergekit takes it.
TokenizerRule read_tokenizer_rule(const YAML::Node& node, const std::string& where,
                                  IgnoredKeys* ignored);

}  // namespace vlm
