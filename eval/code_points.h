#pragma once

// UTF-8 to code points and back.

#include <string>
#include <string_view>

namespace vlm {

// The code points of a text; each malformed UTF-8 sequence becomes U+FFFD.
std::u32string decode_utf8(std::string_view text);

// REQUIRES: scalar values (no surrogates, at most U+10FFFF); others become U+FFFD.
std::string encode_utf8(std::u32string_view code_points);

// Python's str.isspace() for one code point: category Zs or bidirectional type WS, B or S.
bool is_white_space(char32_t code_point);

// The text without white space at both ends, as Python's str.strip().
std::string strip_white_space(std::string_view text);

}  // namespace vlm
