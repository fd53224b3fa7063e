#include "merge/parameter_resolution.h"

#include "core/error.h"

namespace vlm {
namespace {

double resolve_one(const ParameterSpec& spec, const SettingLevels& levels, const TensorPlace& place,
                   const std::string& who) {
  for (const ParameterSettings* const level : levels) {
    if (level == nullptr) continue;
    const auto found = level->find(spec.name);
    if (found == level->end()) continue;
    if (const auto value = evaluate(found->second, place)) return *value;
  }
  if (spec.fallback) return *spec.fallback;
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

}  // namespace vlm
