#pragma once

// How a recipe names a model: "MODEL" or "MODEL+ADAPTER" (or, if all are, "ADAPTER"), each a
// directory or a hub id with an optional "@REVISION".

#include <string>

#include <yaml-cpp/yaml.h>

#include "merge/yaml_fields.h"

namespace vlm {

// Reads such a name, or mergekit's mapping {model: ..., lora: ...} of the same, whose values are
// names or mappings {path, revision}. Throws Error{kInvalidArgument}; with `ignored` keys that are
// not known are noted there instead.
std::string read_model_name(const YAML::Node& node, const std::string& where, IgnoredKeys* ignored);

}  // namespace vlm
