#include "eval/code_points.h"

#include <cstdint>
#include <limits>

#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include "core/check.h"

namespace vlm {

std::u32string decode_utf8(std::string_view text) {
  check(text.size() <= std::numeric_limits<std::int32_t>::max(), "a text is shorter than 2 GB");
  const auto utf16 = icu::UnicodeString::fromUTF8(
      icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())));
  std::u32string result;
  result.reserve(static_cast<std::size_t>(utf16.length()));
  for (std::int32_t i = 0; i < utf16.length(); i = utf16.moveIndex32(i, 1)) {
    result += static_cast<char32_t>(utf16.char32At(i));
  }
  return result;
}

std::string encode_utf8(std::u32string_view code_points) {
  icu::UnicodeString utf16;
  for (const char32_t code_point : code_points) {
    const bool scalar = code_point <= 0x10FFFF && !(code_point >= 0xD800 && code_point <= 0xDFFF);
    utf16.append(static_cast<UChar32>(scalar ? code_point : char32_t{0xFFFD}));
  }
  std::string result;
  utf16.toUTF8String(result);
  return result;
}

bool is_white_space(char32_t code_point) {
  return u_isUWhiteSpace(static_cast<UChar32>(code_point)) != 0 ||
         (code_point >= 0x1C && code_point <= 0x1F);
}

std::string strip_white_space(std::string_view text) {
  const std::u32string decoded = decode_utf8(text);
  std::u32string_view rest = decoded;
  while (!rest.empty() && is_white_space(rest.front())) rest.remove_prefix(1);
  while (!rest.empty() && is_white_space(rest.back())) rest.remove_suffix(1);
  return encode_utf8(rest);
}

}  // namespace vlm
