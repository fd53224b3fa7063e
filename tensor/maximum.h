#pragma once

// The largest of many numbers, and whether all are numbers.

#include <cstddef>
#include <span>

namespace vlm {

// NaN is passed over; -infinity if there is nothing, NaN if there is nothing but NaN.
float largest(std::span<const float> x) noexcept;

// The place of the first of the largest numbers; x.size() if largest(x) is NaN or x is empty.
std::size_t index_of_largest(std::span<const float> x) noexcept;

bool has_nan(std::span<const float> x) noexcept;

}  // namespace vlm
