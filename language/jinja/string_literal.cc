#include "language/jinja/string_literal.h"

#include <charconv>
#include <cstdint>

#include <unicode/utf8.h>

#include "language/jinja/problem.h"

namespace vlm {
namespace {

// The letter that a single letter after the backslash stands for; 0: no such escape.
char simple_escape(char letter) {
  switch (letter) {
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case 'r':
      return '\r';
    case 'a':
      return '\a';
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'v':
      return '\v';
    case '\\':
    case '\'':
    case '"':
      return letter;
    default:
      return 0;
  }
}

std::size_t hex_digits_of(char letter) {
  switch (letter) {
    case 'x':
      return 2;
    case 'u':
      return 4;
    case 'U':
      return 8;
    default:
      return 0;
  }
}

// Appends the code point of `digits`, a number to `base`.
void append_code(std::string& out, std::string_view digits, int base, std::size_t line) {
  std::uint32_t code = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), code, base);
  const bool is_surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (error != std::errc() || end != digits.data() + digits.size() || code > 0x10FFFF ||
      is_surrogate) {
    jinja_fail(line, "no code point: \\" + std::string(digits));
  }
  char bytes[U8_MAX_LENGTH];  // NOLINT(*-avoid-c-arrays): ICU writes to one
  std::int32_t size = 0;
  U8_APPEND_UNSAFE(bytes, size, code);
  out.append(bytes, static_cast<std::size_t>(size));
}

std::size_t octal_size(std::string_view text) {
  std::size_t size = 0;
  while (size < 3 && size < text.size() && text[size] >= '0' && text[size] <= '7') ++size;
  return size;
}

// Appends what the escape at the start of `text`, behind the backslash, stands for. Returns its
// size.
std::size_t append_escape(std::string& out, std::string_view text, std::size_t line) {
  const char letter = text.front();
  if (letter == '\n') return 1;
  if (letter == 'N') jinja_unsupported(line, "\\N in a string");
  if (const char simple = simple_escape(letter); simple != 0) {
    out += simple;
    return 1;
  }
  if (const std::size_t digits = hex_digits_of(letter); digits != 0) {
    if (text.size() - 1 < digits)
      jinja_fail(line, "a string ends inside of \\" + std::string(1, letter));
    append_code(out, text.substr(1, digits), 16, line);
    return 1 + digits;
  }
  if (const std::size_t digits = octal_size(text); digits != 0) {
    append_code(out, text.substr(0, digits), 8, line);
    return digits;
  }
  out += '\\';
  return 0;
}

}  // namespace

std::string unescape_python_string(std::string_view text, std::size_t line) {
  std::string out;
  std::size_t place = 0;
  while (place < text.size()) {
    const char c = text[place++];
    if (c != '\\') {
      out += c;
    } else if (place < text.size()) {
      place += append_escape(out, text.substr(place), line);
    }
  }
  return out;
}

}  // namespace vlm
