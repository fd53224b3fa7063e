#pragma once

// Which elements of a delta (values - base; the values themselves if `base` is empty) are the k
// largest by magnitude: exact, lowest index first among equals.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace vlm {

// Elements before `tie_end` are kept if their magnitude bits are >= `bits`, those from `tie_end` on
// if they are > `bits`.
struct MagnitudeCut {
  std::uint32_t bits = 0;
  std::size_t tie_end = 0;
};

// What a pass of a search counts in some elements.
struct MagnitudeCounts {
  std::vector<std::size_t> by_digit;  // by value of the pass's digit
  std::size_t elements = 0;           // in the pass of the ties
  std::size_t ties = 0;               // likewise
};

// Finds the cut that keeps exactly k elements of one or several deltas that follow each other;
// earlier elements first among equals. Each pass shows all elements in the same order, in pieces of
// any size (a histogram of 11, 10 and 10 bits of the magnitude, then the ties), or counts them and
// adds what was counted. No memory.
class MagnitudeSearch {
 public:
  static constexpr std::size_t kPasses = 4;

  // REQUIRES: 0 < k <= the number of elements.
  explicit MagnitudeSearch(std::size_t k) : wanted_(k) {}

  void show(std::span<const float> values, std::span<const float> base);
  // Counts elements without taking notice of them. May be called from several threads at once.
  void count(std::span<const float> numbers, MagnitudeCounts& counts) const;
  // Takes notice of elements that were counted. False: it did not, the cut is among their ties;
  // they are to be shown.
  [[nodiscard]] bool add(const MagnitudeCounts& counts);
  void end_pass();

  // For the delta before which `begin` elements were shown in each pass. REQUIRES: all passes.
  [[nodiscard]] MagnitudeCut cut(std::size_t begin) const noexcept;

 private:
  void count_digits(std::span<const float> values, std::span<const float> base,
                    std::vector<std::size_t>& counts) const;

  std::size_t pass_ = 0;
  std::size_t wanted_;  // rank of the cut among the elements that share `bits_` so far
  std::uint32_t bits_ = 0;
  std::vector<std::size_t> counts_;  // of this pass, by value of its digit
  std::size_t shown_ = 0;            // elements, in the pass of the ties
  std::size_t ties_ = 0;
  std::size_t tie_end_ = 0;  // among all that were shown
};

// The cut of one delta. REQUIRES: 0 < k <= n.
MagnitudeCut find_magnitude_cut(std::span<const float> values, std::span<const float> base,
                                std::size_t k);

// The same from a ranking of that delta, at once.
MagnitudeCut find_magnitude_cut(std::span<const float> values, std::span<const float> base,
                                std::span<const std::uint32_t> ranking, std::size_t k) noexcept;

// All indices by falling magnitude, lowest index first among equals: a stable radix sort.
// REQUIRES: n < 2^32.
std::vector<std::uint32_t> rank_magnitudes(std::span<const float> values,
                                           std::span<const float> base);

// For each element its rank in its row (0: the largest magnitude). REQUIRES: rows divide n.
std::vector<std::uint32_t> rank_magnitudes_in_rows(std::span<const float> values,
                                                   std::span<const float> base,
                                                   std::size_t row_size);

// Sets to 0 what the cut does not keep (does keep) of a block of the delta that starts at element
// `first`.
void keep_largest(const MagnitudeCut& cut, std::size_t first, std::span<float> block) noexcept;
void drop_largest(const MagnitudeCut& cut, std::size_t first, std::span<float> block) noexcept;

}  // namespace vlm
