// The bytes of a tokenizer.model: an Error or a table with pieces.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "checkpoint/sentencepiece_table.h"
#include "core/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto table =
        vlm::parse_sentencepiece_table({reinterpret_cast<const char*>(data), size}, "fuzz");
    if (table.pieces.empty()) std::abort();
  } catch (const vlm::Error&) {
  }
  return 0;
}
