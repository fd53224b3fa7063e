#pragma once

// Reads recipes. Unknown and duplicate keys, parameters the method does not have, values of the
// wrong kind or out of range, and documents of absurd size or depth are refused with the line.

#include <string>
#include <vector>

#include <yaml-cpp/node/node.h>

#include "merge/recipe.h"

namespace vlm {

// Parses the YAML of `where` (a file name, for messages).
// Throws Error{kInvalidArgument}; Error{kUnsupported} for mergekit's keys that are known but not
// offered (residual_weight).
Recipe parse_recipe(const std::string& yaml_text, const std::string& where);

// The same for a file of several documents, at most 64: their recipes in order, all with the whole
// text. Throws also for two of one name, and for two without a name.
std::vector<Recipe> parse_recipe_documents(const std::string& yaml_text, const std::string& where);

// The same for a YAML tree made or changed by a program.
Recipe parse_recipe(const YAML::Node& root, const std::string& where);

}  // namespace vlm
