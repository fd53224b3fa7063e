// Restores CMA-ES from hostile JSON: an Error, or a state that goes on working.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/json_fields.h"
#include "evolve/cma_es.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::vector<char> text(data, data + size);
  vlm::CmaEs optimizer({{{"a", 0.0, 1.0, 0.5}, {"b", 0.0, 2.0, 0.5}}}, {.population = 4});
  try {
    optimizer.restore(vlm::parse_json(std::string_view(text.data(), text.size()), "fuzz"));
    for (int i = 0; i < 3; ++i) {
      optimizer.tell(std::vector<std::optional<double>>{1.0, 2.0, std::nullopt, 0.5});
    }
    static_cast<void>(optimizer.stop());
  } catch (const vlm::Error&) {
    return 0;
  }
  return 0;
}
