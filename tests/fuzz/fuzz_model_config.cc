// Any bytes as a config.json: either refused, or the sizes everything else relies on are there.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "checkpoint/model_config.h"
#include "core/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const vlm::ModelConfig config =
        vlm::parse_model_config(vlm::parse_json(text, "input"), "input");
    if (config.num_layers() == 0 || config.vocab_size() == 0) std::abort();
    if (config.is_vlm() && config.vision().size("patch_size") == 0) std::abort();
  } catch (const vlm::Error&) {
    return 0;  // refused
  }
  return 0;
}
