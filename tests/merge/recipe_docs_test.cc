// The tables in docs/recipes.md are those of the program.

#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "core/files.h"
#include "merge/method_help.h"

namespace vlm {
namespace {

std::string method_row(const MergeMethod& method) {
  return "| `" + method.name + "` | " + models_text(method) + " | " + method.formula + ". " +
         method.paper + " |";
}

std::string parameter_row(const MergeMethod& method, const ParameterSpec& spec) {
  return "| `" + method.name + "` | `" + spec.name + "` | " + scope_text(spec) + " | " +
         default_text(spec) + " | " + range_text(spec) + " | " + spec.meaning + " |";
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

TEST(MethodHelp, SaysOfEveryParameterWhatItMayBe) {
  EXPECT_EQ(
      method_help(find_merge_method("slerp", "")),
      "slerp (base and 1 models)\n"
      "  sin((1-t)h)/sin(h) base + sin(t h)/sin(h) other, h the angle of the whole tensors; "
      "linear if abs(cos h) > 0.9995\n"
      "  Shoemake, SIGGRAPH 1985, \"Animating rotation with quaternion curves\"\n"
      "    t: 0: base, 1: the other model; beyond: extrapolation (of the merge; any; required)\n"
      "    int8_mask: accepted for mergekit's recipes; no effect (of the merge; true, false; "
      "default false)\n");
}

}  // namespace
}  // namespace vlm
