// Any bytes as a recipe: parsed, or refused with an Error.

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/error.h"
#include "merge/recipe_parser.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    for (const vlm::Recipe& recipe : vlm::parse_recipe_documents(text, "recipe.yaml")) {
      static_cast<void>(vlm::evaluate(recipe.parameters.begin() == recipe.parameters.end()
                                          ? vlm::Setting{}
                                          : recipe.parameters.begin()->second,
                                      {"model.norm.weight", std::nullopt, 0.5}));
    }
  } catch (const vlm::Error&) {
    return 0;
  }
  return 0;
}
