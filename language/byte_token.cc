#include "language/byte_token.h"

#include <charconv>
#include <cstddef>

namespace vlm {
namespace {

constexpr std::string_view kDigits = "0123456789ABCDEF";
constexpr std::size_t kTokenBytes = 6;  // <0xE3>

}  // namespace

std::string byte_token(unsigned char byte) {
  return {'<', '0', 'x', kDigits[byte / 16U], kDigits[byte % 16U], '>'};
}

std::optional<unsigned char> parse_byte_token(std::string_view token) {
  if (token.size() != kTokenBytes || !token.starts_with("<0x") || token.back() != '>') {
    return std::nullopt;
  }
  unsigned char byte = 0;
  const char* end = token.data() + kTokenBytes - 1;
  const auto [stop, error] = std::from_chars(token.data() + 3, end, byte, 16);
  if (error != std::errc() || stop != end) return std::nullopt;
  return byte;
}

}  // namespace vlm
