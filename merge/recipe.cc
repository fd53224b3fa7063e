#include "merge/recipe.h"

#include <algorithm>
#include <cmath>

#include "core/check.h"

namespace vlm {
namespace {

double interpolate(const std::vector<double>& values, double position) {
  check(!values.empty(), "interpolate: at least one value");
  const std::size_t last = values.size() - 1;
  const double exact = position * static_cast<double>(last);
  // Layer 25 of 40 stands at 24.999999999999996 of 39.
  const double x = std::abs(exact - std::round(exact)) < 1e-9 ? std::round(exact) : exact;
  const std::size_t left = std::min(static_cast<std::size_t>(x), last);
  const std::size_t right = std::min(left + 1, last);
  const double fraction = x - static_cast<double>(left);
  return (1.0 - fraction) * values[left] + fraction * values[right];
}

}  // namespace

bool selects(const SettingLine& line, const TensorPlace& place) {
  if (line.layers.has_value()) {
    if (!place.layer.has_value()) return false;
    if (*place.layer < line.layers->first || *place.layer >= line.layers->end) return false;
  }
  if (line.component && *line.component != place.component) return false;
  if (line.pattern && !line.pattern->is_in(place.name)) return false;
  return place.name.find(line.filter) != std::string_view::npos;
}

std::optional<double> evaluate(const Setting& setting, const TensorPlace& place) {
  const auto found = std::find_if(setting.begin(), setting.end(),
                                  [&](const SettingLine& line) { return selects(line, place); });
  if (found == setting.end()) return std::nullopt;
  return interpolate(found->values, place.position);
}

std::string_view to_string(VocabularyPolicy policy) noexcept {
  switch (policy) {
    case VocabularyPolicy::kError:
      return "error";
    case VocabularyPolicy::kCommonRows:
      return "common-rows";
    case VocabularyPolicy::kBase:
      return "base";
  }
  return "";
}

}  // namespace vlm
