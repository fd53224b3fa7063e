#pragma once

// Which values of a tensor are no numbers that a merge can use.

#include <cstddef>
#include <optional>
#include <span>

namespace vlm {

// The place of the first infinity or NaN; nothing if all values are finite.
std::optional<std::size_t> find_non_finite(std::span<const float> x) noexcept;

}  // namespace vlm
