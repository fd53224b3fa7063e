#pragma once

// Reads recipes. Unknown and duplicate keys, parameters the method does not have, values of the
// wrong kind or out of range, and documents of absurd size or depth are refused with the line.

#include <cstdint>
#include <string>
#include <vector>

#include <yaml-cpp/yaml.h>

#include "merge/recipe.h"

namespace vlm {

enum class RecipeDialect : std::uint8_t {
  kOwn,
  kMergekit  // --compat mergekit: keys and parameters that are not known are ignored, with a
             // warning
};

// Parses the YAML of `where` (a file name, for messages). Throws Error{kInvalidArgument}.
Recipe parse_recipe(const std::string& yaml_text, const std::string& where,
                    RecipeDialect dialect = RecipeDialect::kOwn);

// The same for a file of several documents, at most 64: their recipes in order, all with the whole
// text. Throws also for two of one name, and for two without a name.
std::vector<Recipe> parse_recipe_documents(const std::string& yaml_text, const std::string& where,
                                           RecipeDialect dialect = RecipeDialect::kOwn);

// The same for a YAML tree made or changed by a program.
Recipe parse_recipe(const YAML::Node& root, const std::string& where);

}  // namespace vlm
