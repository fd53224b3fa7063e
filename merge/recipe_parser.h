#pragma once

// Reads recipes. Unknown and duplicate keys, parameters the method does not have, values of the
// wrong kind or out of range, and documents of absurd size or depth are refused with the line.

#include <string>

#include <yaml-cpp/node/node.h>

#include "merge/recipe.h"

namespace vlm {

// Parses the YAML of `where` (a file name, for messages).
// Throws Error{kInvalidArgument}; Error{kUnsupported} for mergekit's keys that are known but not
// offered (tokenizer, chat_template, modules, LoRA inputs).
Recipe parse_recipe(const std::string& yaml_text, const std::string& where);

// The same for a YAML tree made or changed by a program.
Recipe parse_recipe(const YAML::Node& root, const std::string& where);

}  // namespace vlm
