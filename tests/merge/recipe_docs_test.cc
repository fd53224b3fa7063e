// The tables in docs/recipes.md are those of the program.

#include <filesystem>
#include <limits>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "core/files.h"
#include "merge/method.h"

namespace vlm {
namespace {

std::string models_of(const MergeMethod& method) {
  std::string count = std::to_string(method.min_models);
  if (method.max_models != method.min_models) count += " to " + std::to_string(method.max_models);
  if (method.base == BaseRole::kOrdinary) return count;
  return (method.base == BaseRole::kRequired ? "base and " : "base if given, and ") + count;
}

std::string method_row(const MergeMethod& method) {
  return "| `" + method.name + "` | " + models_of(method) + " | " + method.formula + ". " +
         method.paper + " |";
}

std::string range_of(const ParameterSpec& spec) {
  if (spec.kind == ParameterKind::kChoice) {
    std::string words;
    for (const std::string& word : spec.choices) words += (words.empty() ? "" : ", ") + word;
    return words;
  }
  if (spec.kind == ParameterKind::kBoolean) return "true, false";
  if (spec.lowest == std::numeric_limits<double>::lowest()) return "any";
  std::ostringstream text;
  text << spec.lowest << " to " << spec.highest;
  return text.str();
}

std::string default_of(const ParameterSpec& spec) {
  if (!spec.fallback) return "required";
  if (spec.kind == ParameterKind::kChoice) {
    return spec.choices[static_cast<std::size_t>(*spec.fallback)];
  }
  if (spec.kind == ParameterKind::kBoolean) return *spec.fallback != 0 ? "true" : "false";
  std::ostringstream text;
  text << *spec.fallback;
  return text.str();
}

std::string parameter_row(const MergeMethod& method, const ParameterSpec& spec) {
  return "| `" + method.name + "` | `" + spec.name + "` | " +
         (spec.scope == ParameterScope::kPerModel ? "each model" : "the merge") + " | " +
         default_of(spec) + " | " + range_of(spec) + " | " + spec.meaning + " |";
}

TEST(RecipeDocs, TablesAreThoseOfTheProgram) {
  const std::string text =
      read_text_file(std::filesystem::path(VLM_PROJECT_DIR) / "docs/recipes.md");
  const auto has_row = [&](const std::string& row) { return text.find(row + "\n") != text.npos; };
  for (const MergeMethod& method : merge_methods()) {
    EXPECT_TRUE(has_row(method_row(method))) << method_row(method);
    for (const ParameterSpec& spec : method.parameters) {
      EXPECT_TRUE(has_row(parameter_row(method, spec))) << parameter_row(method, spec);
    }
  }
}

}  // namespace
}  // namespace vlm
