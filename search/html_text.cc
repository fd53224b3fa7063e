#include "search/html_text.h"

#include <array>
#include <charconv>
#include <cmath>

#include "core/check.h"

namespace vlm {

std::string escape_html(std::string_view text) {
  constexpr unsigned char kFirstPrintable = 0x20;
  std::string escaped;
  escaped.reserve(text.size());
  for (const char letter : text) {
    switch (letter) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      case '\n':
      case '\t':
        escaped += letter;
        break;
      default:
        if (static_cast<unsigned char>(letter) < kFirstPrintable) {
          escaped += "\xEF\xBF\xBD";
        } else {
          escaped += letter;
        }
    }
  }
  return escaped;
}

std::string element(std::string_view name, std::string_view content, std::string_view attributes) {
  std::string html = "<" + std::string(name);
  if (!attributes.empty()) html += " " + std::string(attributes);
  return html + ">" + std::string(content) + "</" + std::string(name) + ">";
}

std::string decimal_text(double value, int digits) {
  constexpr int kMostDigits = 17;
  check(digits >= 0 && digits <= kMostDigits, "decimal_text: digits in [0, 17]");
  std::array<char, 400> buffer{};  // the longest double has 309 digits before the point
  const std::to_chars_result end = std::to_chars(buffer.data(), buffer.data() + buffer.size(),
                                                 value, std::chars_format::fixed, digits);
  return {buffer.data(), end.ptr};
}

std::string px(double value) {
  return decimal_text(value, 1);
}

std::string signed_text(double value, int digits) {
  const std::string magnitude = decimal_text(std::abs(value), digits);
  const bool is_zero = magnitude.find_first_not_of("0.") == std::string::npos;
  return (value < 0.0 && !is_zero ? "\xE2\x88\x92" : "+") + magnitude;
}

}  // namespace vlm
