#include "merge/parameter_resolution.h"

#include <algorithm>
#include <optional>

#include "core/error.h"

namespace vlm {
namespace {

std::optional<double> find_value(const ParameterSpec& spec, const SettingLevels& levels,
                                 const TensorPlace& place) {
  for (const ParameterSettings* const level : levels) {
    if (level == nullptr) continue;
    const auto found = level->find(spec.name);
    if (found == level->end()) continue;
    if (const auto value = evaluate(found->second, place)) return value;
  }
  return spec.fallback;
}

double resolve_one(const ParameterSpec& spec, const SettingLevels& levels, const TensorPlace& place,
                   const std::string& who) {
  if (const auto value = find_value(spec, levels, place)) return *value;
  throw Error(ErrorCode::kInvalidArgument,
              "parameter '" + spec.name + "' is missing: " + who + std::string(place.name));
}

}  // namespace

ParameterValues resolve_parameters(const MergeMethod& method, ParameterScope scope,
                                   const SettingLevels& levels, const TensorPlace& place,
                                   const std::string& who) {
  ParameterValues values;
  for (const ParameterSpec& spec : method.parameters) {
    if (spec.scope == scope) values[spec.name] = resolve_one(spec, levels, place, who);
  }
  return values;
}

bool lacks_parameter(const MergeMethod& method, ParameterScope scope, const SettingLevels& levels,
                     const TensorPlace& place) {
  return std::ranges::any_of(method.parameters, [&](const ParameterSpec& spec) {
    return spec.scope == scope && !find_value(spec, levels, place);
  });
}

}  // namespace vlm
