#pragma once

// Tokens that stand for one byte of a character that is not in a vocabulary: "<0x00>" ... "<0xFF>".

#include <optional>
#include <string>
#include <string_view>

namespace vlm {

std::string byte_token(unsigned char byte);
// The byte of such a token; nothing for any other token.
std::optional<unsigned char> parse_byte_token(std::string_view token);

}  // namespace vlm
