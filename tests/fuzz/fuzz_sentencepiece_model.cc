// The bytes of a tokenizer.model: an Error or a model that encodes.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/error.h"
#include "language/sentencepiece_model.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const vlm::SentencePieceModel model({reinterpret_cast<const char*>(data), size}, "fuzz");
    static_cast<void>(model.decode(model.encode("a b\n猫")));
  } catch (const vlm::Error&) {
  }
  return 0;
}
