#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/error.h"
#include "datasets/jsonl.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    vlm::parse_jsonl(text, "input");
  } catch (const vlm::Error&) {
    return 0;
  }
  return 0;
}
