#pragma once

// Keeping the entries of a row at random, the larger the more often, without ranking them.

#include <cstdint>
#include <span>

namespace vlm {

struct WordBounds {
  std::uint32_t low = 0;
  std::uint32_t high = 0;  // at least low
};

// Sets row[i] to 0 unless words[i] < low, or words[i] < high and entry i is before its rival by
// falling magnitude, the first of equals first. The rival is the one of the n - 1 other entries
// that the word's place between low and high points at. Even words so keep the entry of rank r (0:
// the largest) with the probability (low + (high - low) (n - 1 - r) / (n - 1)) / 2^32, each entry
// independently of the others. REQUIRES: low == high for a row of one; two spans of one length
// below 2^31.
void keep_by_rivals(std::span<float> row, std::span<const std::uint32_t> words,
                    const WordBounds& bounds);

}  // namespace vlm
