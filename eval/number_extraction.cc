#include "eval/number_extraction.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <string>

#include <unicode/uchar.h>

#include "eval/code_points.h"

namespace vlm {
namespace {

// '0' ... '9' for a digit of any script, '.' for itself, ' ' for all else.
char digit_or_dot(char32_t code_point) {
  if (code_point == U'.') return '.';
  const auto c = static_cast<UChar32>(code_point);
  if (u_charType(c) != U_DECIMAL_DIGIT_NUMBER) return ' ';
  return static_cast<char>('0' + u_charDigitValue(c));
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::size_t end_of_digits(std::string_view text, std::size_t position) {
  while (position < text.size() && is_digit(text[position])) ++position;
  return position;
}

// All of the text as a decimal number. Beyond the range of double: infinity or 0, as in Python.
std::optional<double> parse_decimal(std::string_view text) {
  double value = 0.0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value, std::chars_format::fixed);
  if (parsed.ptr != end || text.empty() || parsed.ec == std::errc::invalid_argument) {
    return std::nullopt;
  }
  if (parsed.ec == std::errc::result_out_of_range) {
    const std::string_view whole = text.substr(0, text.find('.'));
    const bool is_large = whole.find_first_of("123456789") != std::string_view::npos;
    return is_large ? std::numeric_limits<double>::infinity() : 0.0;
  }
  return value;
}

}  // namespace

std::optional<double> last_number(std::string_view text) {
  std::string digits;
  for (const char32_t code_point : decode_utf8(text)) digits += digit_or_dot(code_point);
  std::string_view last;
  std::size_t position = 0;
  while (position < digits.size()) {
    const std::size_t whole_end = end_of_digits(digits, position);
    const bool has_dot = whole_end < digits.size() && digits[whole_end] == '.';
    const std::size_t fraction_end = has_dot ? end_of_digits(digits, whole_end + 1) : whole_end;
    const bool has_fraction = has_dot && fraction_end > whole_end + 1;
    const std::size_t end = has_fraction ? fraction_end : whole_end;
    if (end > position) last = std::string_view(digits).substr(position, end - position);
    position = std::max(end, position + 1);
  }
  return parse_decimal(last);
}

std::optional<double> last_integer_of_harness(std::string_view text) {
  constexpr std::string_view kNumberLetters = "0123456789.,";
  const std::size_t last = text.find_last_of(kNumberLetters);
  if (last == std::string_view::npos) return std::nullopt;
  const std::size_t before = text.find_last_not_of(kNumberLetters, last);
  std::size_t start = before == std::string_view::npos ? 0 : before + 1;
  if (start > 0 && text[start - 1] == '-') --start;
  std::string_view match = text.substr(start, last + 1 - start);
  while (!match.empty() && match.front() == '.') match.remove_prefix(1);
  while (!match.empty() && match.back() == '.') match.remove_suffix(1);
  std::string number(match);
  std::erase(number, ',');
  const std::optional<double> value = parse_decimal(number);
  return value && std::isfinite(*value) && std::trunc(*value) == *value ? value : std::nullopt;
}

}  // namespace vlm
