#pragma once

// The number of a token in a vocabulary.

#include <cstdint>

namespace vlm {

using TokenId = std::int32_t;

}  // namespace vlm
