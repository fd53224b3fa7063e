#pragma once

// Sizes of memory and files in messages.

#include <cstddef>
#include <cstdint>
#include <string>

namespace vlm {

enum class ByteRounding : std::uint8_t {
  kUp,   // of what is needed or taken
  kDown  // of what is allowed or left, so that a need above it also reads so
};

// "730 bytes", "12.3 KB", "4.1 MB", "14500 MB": decimal units, one decimal below 100.
std::string byte_text(std::size_t bytes, ByteRounding rounding = ByteRounding::kUp);

}  // namespace vlm
