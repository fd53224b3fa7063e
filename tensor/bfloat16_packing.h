#pragma once

// Writes weights in the order of packed bfloat16 products (tensor/packed_layout.h).

#include <cstdint>
#include <span>

#include "tensor/matrix_view.h"

namespace vlm {

// Rounds weight [n, k] to nearest and writes it to its places in `blocks`; places of the padding
// are left as they are, which must be zero. REQUIRES: the size of the layout.
void pack_bfloat16(MatrixView<const float> weight, std::span<std::uint16_t> blocks) noexcept;

}  // namespace vlm
