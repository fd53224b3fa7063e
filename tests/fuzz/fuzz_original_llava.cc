// Any bytes as a config.json of original LLaVA: either refused, or one that the hub's could be.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "checkpoint/model_config.h"
#include "checkpoint/original_llava.h"
#include "core/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static const vlm::Json tower{{"model_type", "clip"}, {"vision_config", {{"hidden_size", 64}}}};
  try {
    const vlm::Json json = vlm::parse_json(text, "input");
    if (!vlm::is_original_llava(json)) return 0;
    if (vlm::architecture_of_original_llava(json).empty()) std::abort();
    const vlm::Json hub = vlm::hub_config({json, "input"}, {tower, "tower"});
    if (!vlm::parse_model_config(hub, "input").is_vlm()) std::abort();
  } catch (const vlm::Error&) {
    return 0;  // refused
  }
  return 0;
}
