#pragma once

// Reads the path of a data-flow recipe.

#include "merge/recipe.h"
#include "merge/yaml_fields.h"

namespace vlm {

// Reads `path`, `scale_of` and `layout` into recipe.path and the slices of the recipe's text, and
// takes embeddings and head from the config donor. Throws Error{kInvalidArgument} with the line for
// an empty path or one of more than 1024 entries, and for values of the wrong kind.
void read_layer_path(const YamlFields& fields, Recipe& recipe);

}  // namespace vlm
