#include "language/valid_utf8.h"

#include <cstdint>
#include <limits>

#include <unicode/unistr.h>

#include "core/error.h"

namespace vlm {

std::string valid_utf8(std::string_view text) {
  if (text.size() > std::numeric_limits<std::int32_t>::max()) {
    throw Error(ErrorCode::kInvalidArgument,
                "text is too long: tokenizer: " + std::to_string(text.size()) + " bytes");
  }
  std::string result;
  icu::UnicodeString::fromUTF8(
      icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())))
      .toUTF8String(result);
  return result;
}

}  // namespace vlm
