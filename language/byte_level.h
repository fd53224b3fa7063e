#pragma once

// The alphabet of byte-level BPE: each byte as a printable character, so that a vocabulary is text.
// Radford et al. 2019 (GPT-2).

#include <string>
#include <string_view>

namespace vlm {

// Every byte of `text` as its character.
std::string bytes_to_alphabet(std::string_view text);
// The bytes that a token of the alphabet stands for; a token with other characters stands for
// itself. The result may be broken UTF-8.
std::string alphabet_to_bytes(std::string_view token);

}  // namespace vlm
