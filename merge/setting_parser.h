#pragma once

// Reads the parameters of a recipe: numbers, gradients, and lines with filters.

#include <string>

#include <yaml-cpp/yaml.h>

#include "merge/method.h"
#include "merge/recipe.h"
#include "merge/yaml_fields.h"

namespace vlm {

// `parameters` of a mapping; empty without that key. `of_model`: it stands under one model, where
// parameters of the whole merge have no place. Throws Error{kInvalidArgument} with the line for
// parameters that the method does not have (with `ignored` they are noted and left out), and values
// of the wrong kind or out of range.
ParameterSettings read_parameters(const YamlFields& fields, const MergeMethod& method,
                                  bool of_model, IgnoredKeys* ignored);

// A list [first, end]; `what` names it in messages. Throws Error{kInvalidArgument}.
LayerRange read_layer_range(const YAML::Node& node, const std::string& where,
                            const std::string& what);

}  // namespace vlm
