#pragma once

// Recipes for every method there is.

#include <string>
#include <vector>

#include "merge/method.h"

namespace vlm {

// Of as many of the models as the method takes, and of the base unless it has no part of its own;
// parameters that are required are 0.5.
inline std::string recipe_of(const MergeMethod& method, const std::vector<std::string>& models,
                             const std::string& base) {
  std::string recipe = "merge_method: " + method.name + "\nmodels:\n";
  for (std::size_t i = 0; i < models.size() && i < method.max_models; ++i) {
    recipe += "- model: " + models[i] + "\n";
  }
  if (method.base != BaseRole::kOrdinary) recipe += "base_model: " + base + "\n";
  recipe += "parameters: {";
  for (const ParameterSpec& spec : method.parameters) {
    if (!spec.fallback) recipe += (recipe.ends_with('{') ? "" : ", ") + spec.name + ": 0.5";
  }
  return recipe + "}\n";
}

}  // namespace vlm
