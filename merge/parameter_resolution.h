#pragma once

// Which value a parameter of a method has at a tensor.

#include <array>
#include <string>

#include "merge/method.h"
#include "merge/recipe.h"

namespace vlm {

// The settings of a slice's source, of the slice, of the component and of the recipe; null where
// there are none.
using SettingLevels = std::array<const ParameterSettings*, 4>;

// The values of all parameters of that scope: of each the first level's that selects the tensor,
// else the default. Throws Error{kInvalidArgument} for one that has neither; the message names it,
// then `who` (file and model), then the tensor.
ParameterValues resolve_parameters(const MergeMethod& method, ParameterScope scope,
                                   const SettingLevels& levels, const TensorPlace& place,
                                   const std::string& who);

// Whether there is a parameter of that scope that has neither a value there nor a default.
bool lacks_parameter(const MergeMethod& method, ParameterScope scope, const SettingLevels& levels,
                     const TensorPlace& place);

}  // namespace vlm
