// Any bytes as a safetensors file: either refused, or every tensor lies inside the file.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "checkpoint/safetensors.h"
#include "core/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = std::as_bytes(std::span(data, size));
  try {
    const vlm::SafetensorsHeader header = vlm::parse_safetensors_header(file, "input");
    std::size_t end_bytes = header.data_start_bytes;
    for (const vlm::SafetensorsEntry& entry : header.entries) {
      if (entry.begin_bytes + header.data_start_bytes != end_bytes) std::abort();
      end_bytes = entry.end_bytes + header.data_start_bytes;
    }
    if (end_bytes != size) std::abort();
  } catch (const vlm::Error&) {
    return 0;  // refused
  }
  return 0;
}
