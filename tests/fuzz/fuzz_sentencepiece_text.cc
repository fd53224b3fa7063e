// Text of any bytes must encode to ids of the vocabulary, which must decode to valid text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "core/error.h"
#include "core/json_fields.h"
#include "language/text_stream.h"
#include "language/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const vlm::Tokenizer kTokenizer =
      vlm::Tokenizer::load(std::filesystem::path(VLM_PROJECT_DIR) / "zoo/models/en-vlm");
  const auto ids = kTokenizer.encode({reinterpret_cast<const char*>(data), size});
  const std::string text = kTokenizer.decode(ids);
  static_cast<void>(vlm::Json(text).dump());  // throws for invalid UTF-8
  vlm::TextStream stream(kTokenizer);
  std::string streamed;
  for (const vlm::TokenId id : ids) streamed += stream.push(id);
  streamed += stream.finish();
  if (streamed != text) std::abort();
  return 0;
}
