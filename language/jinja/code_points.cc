#include "language/jinja/code_points.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include <unicode/locid.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/utf8.h>

namespace vlm {
namespace {

// The code point at `offset`, which moves behind it; negative for bytes that are no UTF-8.
UChar32 next_code_point(std::string_view text, std::size_t& offset) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  const std::size_t start = offset;
  UChar32 code = 0;
  U8_NEXT(bytes, offset, text.size(), code);
  if (code < 0) offset = start + 1;
  return code;
}

// str.isspace(): white space of Unicode, and the separators U+001C to U+001F.
bool is_space(UChar32 code) {
  return code >= 0 && (u_isUWhiteSpace(code) != 0 || (code >= 0x1C && code <= 0x1F));
}

std::string to_utf8(const icu::UnicodeString& text) {
  std::string result;
  text.toUTF8String(result);
  return result;
}

icu::UnicodeString from_utf8(std::string_view text) {
  return icu::UnicodeString::fromUTF8(
      icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())));
}

// str.isprintable() for one code point.
bool is_printable(UChar32 code) {
  if (code == ' ') return true;
  switch (u_charType(code)) {
    case U_UNASSIGNED:
    case U_CONTROL_CHAR:
    case U_FORMAT_CHAR:
    case U_PRIVATE_USE_CHAR:
    case U_SURROGATE:
    case U_SPACE_SEPARATOR:
    case U_LINE_SEPARATOR:
    case U_PARAGRAPH_SEPARATOR:
      return false;
    default:
      return true;
  }
}

std::string escaped(UChar32 code) {
  std::array<char, 12> text{};
  const auto number = static_cast<unsigned>(code);
  const char* format = number < 0x100 ? "\\x%02x" : number < 0x10000 ? "\\u%04x" : "\\U%08x";
  std::snprintf(text.data(), text.size(), format, number);  // NOLINT(*-vararg)
  return text.data();
}

}  // namespace

std::vector<std::size_t> code_point_offsets(std::string_view text) {
  std::vector<std::size_t> offsets;
  std::size_t offset = 0;
  while (offset < text.size()) {
    offsets.push_back(offset);
    next_code_point(text, offset);
  }
  offsets.push_back(text.size());
  return offsets;
}

std::size_t count_code_points(std::string_view text) {
  return code_point_offsets(text).size() - 1;
}

std::size_t leading_space_size(std::string_view text) {
  std::size_t size = 0;
  for (std::size_t offset = 0; offset < text.size(); size = offset) {
    if (!is_space(next_code_point(text, offset))) break;
  }
  return size;
}

bool is_python_space(std::string_view text) {
  std::size_t offset = 0;
  while (offset < text.size()) {
    if (!is_space(next_code_point(text, offset))) return false;
  }
  return !text.empty();
}

std::string_view python_strip(std::string_view text, StripSide side, std::string_view characters) {
  const std::vector<std::size_t> offsets = code_point_offsets(text);
  const auto drops = [&](std::size_t index) {
    const std::string_view one = text.substr(offsets[index], offsets[index + 1] - offsets[index]);
    return characters.empty() ? is_python_space(one)
                              : characters.find(one) != std::string_view::npos;
  };
  std::size_t first = 0;
  std::size_t last = offsets.size() - 1;
  while (side != StripSide::kRight && first < last && drops(first)) ++first;
  while (side != StripSide::kLeft && last > first && drops(last - 1)) --last;
  return text.substr(offsets[first], offsets[last] - offsets[first]);
}

std::string python_upper(std::string_view text) {
  return to_utf8(from_utf8(text).toUpper(icu::Locale::getRoot()));
}

std::string python_lower(std::string_view text) {
  return to_utf8(from_utf8(text).toLower(icu::Locale::getRoot()));
}

std::string python_capitalize(std::string_view text) {
  if (text.empty()) return "";
  const std::size_t first = code_point_offsets(text)[1];
  return python_upper(text.substr(0, first)) + python_lower(text.substr(first));
}

std::string python_title(std::string_view text) {
  std::string result;
  std::size_t offset = 0;
  bool in_word = false;
  while (offset < text.size()) {
    const std::size_t start = offset;
    const UChar32 code = next_code_point(text, offset);
    const std::string_view one = text.substr(start, offset - start);
    result += in_word ? python_lower(one) : python_upper(one);
    in_word = code >= 0 && u_isalpha(code) != 0;
  }
  return result;
}

std::string python_repr(std::string_view text) {
  const bool has_single = text.find('\'') != std::string_view::npos;
  const char quote = has_single && text.find('"') == std::string_view::npos ? '"' : '\'';
  std::string result(1, quote);
  std::size_t offset = 0;
  while (offset < text.size()) {
    const std::size_t start = offset;
    const UChar32 code = next_code_point(text, offset);
    const std::string_view one = text.substr(start, offset - start);
    if (code == quote || code == '\\') {
      result += '\\';
      result += one;
    } else if (code == '\n') {
      result += "\\n";
    } else if (code == '\r') {
      result += "\\r";
    } else if (code == '\t') {
      result += "\\t";
    } else if (code >= 0 && !is_printable(code)) {
      result += escaped(code);
    } else {
      result += one;
    }
  }
  return result + quote;
}

}  // namespace vlm
