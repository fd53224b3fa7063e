#pragma once

// A bound for what the steps of a tokenizer.json may make of a text, because the file is untrusted:
// each step can multiply it.

#include <cstddef>
#include <string>

#include "core/error.h"

namespace vlm {

// Far above the growth of any tokenizer (NFKD: 11 times, byte-level: 2 times).
// Throws Error{kUnsupported}.
inline void check_growth(std::size_t bytes_before, std::size_t bytes_after) {
  if (bytes_after / 64 <= bytes_before + 1024) return;
  throw Error(ErrorCode::kUnsupported,
              "tokenizer.json makes a text too long: " + std::to_string(bytes_before) +
                  " bytes: " + std::to_string(bytes_after) + " bytes");
}

}  // namespace vlm
