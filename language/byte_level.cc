#include "language/byte_level.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace vlm {
namespace {

constexpr std::size_t kBytes = 256;

constexpr bool is_printable(std::size_t byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

// Printable bytes of Latin-1 stand for themselves, the others for U+0100 and on, in order. All
// characters are below U+0144.
struct Alphabet {
  std::array<std::uint16_t, kBytes> character_of{};
  std::array<std::int16_t, 0x144> byte_of{};
};

constexpr Alphabet make_alphabet() {
  Alphabet alphabet;
  alphabet.byte_of.fill(-1);
  std::uint16_t next = 0x100;
  for (std::size_t byte = 0; byte < kBytes; ++byte) {
    const auto character = is_printable(byte) ? static_cast<std::uint16_t>(byte) : next++;
    alphabet.character_of[byte] = character;
    alphabet.byte_of[character] = static_cast<std::int16_t>(byte);
  }
  return alphabet;
}

constexpr Alphabet kAlphabet = make_alphabet();

}  // namespace

std::string bytes_to_alphabet(std::string_view text) {
  std::string result;
  result.reserve(2 * text.size());
  for (const char byte : text) {
    const unsigned character = kAlphabet.character_of[static_cast<unsigned char>(byte)];
    if (character < 0x80) {
      result += static_cast<char>(character);
    } else {
      result += static_cast<char>(0xC0U | (character >> 6U));
      result += static_cast<char>(0x80U | (character & 0x3FU));
    }
  }
  return result;
}

std::string alphabet_to_bytes(std::string_view token) {
  std::string bytes;
  for (std::size_t i = 0; i < token.size(); ++i) {
    unsigned character = static_cast<unsigned char>(token[i]);
    if (character >= 0xC0 && character < 0xE0 && i + 1 < token.size()) {
      character = (character & 0x1FU) << 6U | (static_cast<unsigned char>(token[++i]) & 0x3FU);
    } else if (character >= 0x80) {
      return std::string(token);
    }
    const int byte = character < kAlphabet.byte_of.size() ? kAlphabet.byte_of[character] : -1;
    if (byte < 0) return std::string(token);
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

}  // namespace vlm
