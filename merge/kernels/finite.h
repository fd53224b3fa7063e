#pragma once

// Which values of a tensor are no numbers that a merge can use.

#include <cstddef>
#include <optional>
#include <span>

#include "tensor/bfloat16.h"

namespace vlm {

// The place of the first infinity or NaN; nothing if all values are finite.
std::optional<std::size_t> find_non_finite(std::span<const float> x) noexcept;

// Whether there is one. Brings the beginning of `next` into the cache meanwhile, as much as x is
// long: processors stop fetching ahead by themselves at the end of a page.
bool has_non_finite(std::span<const Bfloat16> x, std::span<const Bfloat16> next = {}) noexcept;

}  // namespace vlm
