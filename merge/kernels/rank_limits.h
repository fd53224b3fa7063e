#pragma once

// Keeping the entries of a row by their rank, without ranking those of which the outcome is known
// already.

#include <cstdint>
#include <span>

namespace vlm {

// Sets row[i] to 0 unless words[i] < limits[rank of i], where the rank of the largest magnitude is
// 0 and the first of equals is before the others; the same as rank_magnitudes_in_rows() and
// zero_unless_below(). Writes over words. REQUIRES: limits do not rise; three spans of one length
// below 2^32.
void zero_unless_below_limit_of_rank(std::span<float> row, std::span<std::uint32_t> words,
                                     std::span<const std::uint32_t> limits);

}  // namespace vlm
