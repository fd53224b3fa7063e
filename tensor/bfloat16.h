#pragma once

// bfloat16 as it is stored, as a type of its own.

#include <cstdint>

#include "tensor/dtype.h"

namespace vlm {

enum class Bfloat16 : std::uint16_t {};

constexpr float to_float(Bfloat16 stored) noexcept {
  return bf16_to_float(static_cast<std::uint16_t>(stored));
}

}  // namespace vlm
