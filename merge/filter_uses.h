#pragma once

// Whether the filters of a recipe select anything: a misspelt one would change nothing, silently.

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "merge/method.h"
#include "merge/parameter_resolution.h"
#include "merge/recipe.h"

namespace vlm {

// Lines that say the same (of one parameter, in several slices) count as one.
class FilterUses {
 public:
  // The setting of `parameter` was asked for the tensor at `place`.
  void note(std::string_view parameter, const Setting& setting, const TensorPlace& place);

  // The same for all settings of the method's parameters of that scope.
  void note(const MergeMethod& method, ParameterScope scope, const SettingLevels& levels,
            const TensorPlace& place);

  // A line for each substring or layer range that selected none of the tensors it was asked for.
  // Throws Error{kInvalidArgument} for a regular expression or component that did not.
  [[nodiscard]] std::vector<std::string> warnings() const;

 private:
  struct Use {
    const SettingLine* line = nullptr;  // of the recipe
    bool has_selected = false;
  };
  [[nodiscard]] std::string hint(const SettingLine& line) const;

  std::map<std::string, Use> uses_;           // by what the line says
  std::set<std::string, std::less<>> names_;  // of the tensors
  std::set<std::string, std::less<>> components_;
  std::set<std::size_t> layers_;
};

}  // namespace vlm
