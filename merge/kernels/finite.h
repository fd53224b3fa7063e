#pragma once

// Which values of a tensor are no numbers that a merge can use.

#include <cstddef>
#include <optional>
#include <span>

#include "tensor/bfloat16.h"

namespace vlm {

// The place of the first infinity or NaN; nothing if all values are finite.
std::optional<std::size_t> find_non_finite(std::span<const float> x) noexcept;

// Whether there is one. Fetches what lies behind them, too, as it will be asked for next.
bool has_non_finite(std::span<const Bfloat16> x) noexcept;

}  // namespace vlm
