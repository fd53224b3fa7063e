#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/error.h"
#include "eval/result_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    vlm::samples_from_jsonl(text, "input");
  } catch (const vlm::Error&) {  // both readers see every input
  }
  try {
    const vlm::EvaluationResult result =
        vlm::result_from_json(vlm::parse_json(text, "input"), "input");
    if (vlm::result_from_json(vlm::result_to_json(result), "again").model != result.model) {
      __builtin_trap();
    }
  } catch (const vlm::Error&) {
    return 0;
  }
  return 0;
}
