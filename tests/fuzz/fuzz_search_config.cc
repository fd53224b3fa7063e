// Any bytes as a search file: parsed, its genes found and filled in, or refused with an Error.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/error.h"
#include "search/recipe_template.h"
#include "search/search_config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    const vlm::SearchConfig config = vlm::parse_search_config(text, "search.yaml");
    const vlm::RecipeTemplate recipe(config.recipe, {.text = 3, .vision = 2}, "search.yaml");
    std::vector<double> values;
    for (const vlm::Gene& gene : recipe.genes()) {
      if (!(gene.low <= gene.initial && gene.initial <= gene.high)) __builtin_trap();
      values.push_back(gene.initial);
    }
    if (recipe.fill_in(values).empty()) __builtin_trap();
  } catch (const vlm::Error&) {
    return 0;
  }
  return 0;
}
