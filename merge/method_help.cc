#include "merge/method_help.h"

#include <limits>

#include "core/number_text.h"

namespace vlm {

std::string models_text(const MergeMethod& method) {
  std::string count = std::to_string(method.min_models);
  if (method.max_models != method.min_models) count += " to " + std::to_string(method.max_models);
  if (method.base == BaseRole::kOrdinary) return count;
  return (method.base == BaseRole::kRequired ? "base and " : "base if given, and ") + count;
}

std::string range_text(const ParameterSpec& parameter) {
  if (parameter.kind == ParameterKind::kBoolean) return "true, false";
  if (parameter.kind == ParameterKind::kChoice) {
    std::string words;
    for (const std::string& word : parameter.choices) words += (words.empty() ? "" : ", ") + word;
    return words;
  }
  if (parameter.lowest == std::numeric_limits<double>::lowest()) return "any";
  return number_text(parameter.lowest) + " to " + number_text(parameter.highest);
}

std::string value_text(const ParameterSpec& parameter, double value) {
  if (parameter.kind == ParameterKind::kBoolean) return value != 0 ? "true" : "false";
  if (parameter.kind == ParameterKind::kNumber) return number_text(value);
  return parameter.choices.at(static_cast<std::size_t>(value));
}

std::string default_text(const ParameterSpec& parameter) {
  return parameter.fallback ? value_text(parameter, *parameter.fallback) : "required";
}

std::string scope_text(const ParameterSpec& parameter) {
  return parameter.scope == ParameterScope::kPerModel ? "each model" : "the merge";
}

std::string method_help(const MergeMethod& method) {
  std::string text = method.name + " (" + models_text(method) + " models)\n  " + method.formula +
                     "\n  " + method.paper + "\n";
  for (const ParameterSpec& parameter : method.parameters) {
    text += "    " + parameter.name + ": " + parameter.meaning + " (of " + scope_text(parameter) +
            "; " + range_text(parameter) + "; " + (parameter.fallback ? "default " : "") +
            default_text(parameter) + ")\n";
  }
  return text;
}

}  // namespace vlm
