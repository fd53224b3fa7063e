#include "merge/kernels/magnitude.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "core/check.h"
#include "merge/kernels/elementwise.h"

namespace vlm {
namespace {

constexpr std::size_t kDeltaBlock = 1024;
constexpr std::size_t kSmall = 512;  // fewer are sorted faster by comparison

// One digit of the 31 magnitude bits, from the most significant: 11, 10, 10.
struct Digit {
  unsigned shift;
  std::uint32_t mask;
};
constexpr std::array<Digit, 3> kDigits = {Digit{20, 0x7FF}, Digit{10, 0x3FF}, Digit{0, 0x3FF}};
constexpr std::size_t kMaxDigitValues = 2048;
using Histogram = std::array<std::size_t, kMaxDigitValues>;  // elements by value of a digit

// Calls visit(index, magnitude bits) for every element of values - base.
template <typename Visit>
void for_each_magnitude(std::span<const float> values, std::span<const float> base, Visit visit) {
  std::array<float, kDeltaBlock> delta;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  for (std::size_t first = 0; first < values.size(); first += kDeltaBlock) {
    const std::size_t count = std::min(kDeltaBlock, values.size() - first);
    std::span<const float> block = values.subspan(first, count);
    if (!base.empty()) {
      subtract(block, base.subspan(first, count), std::span(delta).first(count));
      block = std::span(delta).first(count);
    }
    for (std::size_t i = 0; i < count; ++i) visit(first + i, magnitude_bits(block[i]));
  }
}

}  // namespace

void MagnitudeSearch::show(std::span<const float> values, std::span<const float> base) {
  if (pass_ == kDigits.size()) {
    for_each_magnitude(values, base, [&](std::size_t index, std::uint32_t seen) {
      if (seen == bits_ && ++ties_ == wanted_) tie_end_ = shown_ + index + 1;
    });
    shown_ += values.size();
    return;
  }
  count_digits(values, base, counts_);
}

void MagnitudeSearch::count_digits(std::span<const float> values, std::span<const float> base,
                                   std::vector<std::size_t>& counts) const {
  counts.resize(kMaxDigitValues);
  const Digit digit = kDigits[pass_];
  const std::uint32_t above = ~((digit.mask << digit.shift) | ((1U << digit.shift) - 1U));
  const std::uint32_t prefix = bits_;
  for_each_magnitude(values, base,
                     [=, data = counts.data()](std::size_t /*index*/, std::uint32_t bits) {
                       if ((bits & above) == prefix) ++data[(bits >> digit.shift) & digit.mask];
                     });
}

void MagnitudeSearch::count(std::span<const float> numbers, MagnitudeCounts& counts) const {
  if (pass_ < kDigits.size()) return count_digits(numbers, {}, counts.by_digit);
  counts.elements += numbers.size();
  counts.ties += static_cast<std::size_t>(std::ranges::count(numbers, bits_, magnitude_bits));
}

bool MagnitudeSearch::add(const MagnitudeCounts& counts) {
  if (ties_ < wanted_ && pass_ == kDigits.size() && ties_ + counts.ties >= wanted_) return false;
  counts_.resize(kMaxDigitValues);
  for (std::size_t i = 0; i < counts.by_digit.size(); ++i) counts_[i] += counts.by_digit[i];
  shown_ += counts.elements;
  ties_ += counts.ties;
  return true;
}

void MagnitudeSearch::end_pass() {
  if (pass_ < kDigits.size()) {
    const Digit digit = kDigits[pass_];
    std::uint32_t value = digit.mask;
    while (counts_[value] < wanted_ && value > 0) wanted_ -= counts_[value--];
    bits_ |= value << digit.shift;
    std::fill(counts_.begin(), counts_.end(), std::size_t{0});
  }
  ++pass_;
}

MagnitudeCut MagnitudeSearch::cut(std::size_t begin) const noexcept {
  return {bits_, tie_end_ > begin ? tie_end_ - begin : 0};
}

MagnitudeCut find_magnitude_cut(std::span<const float> values, std::span<const float> base,
                                std::size_t k) {
  check(k > 0 && k <= values.size() && (base.empty() || base.size() == values.size()),
        "find_magnitude_cut: 0 < k <= n");
  MagnitudeSearch search(k);
  for (std::size_t pass = 0; pass < MagnitudeSearch::kPasses; ++pass) {
    search.show(values, base);
    search.end_pass();
  }
  return search.cut(0);
}

MagnitudeCut find_magnitude_cut(std::span<const float> values, std::span<const float> base,
                                std::span<const std::uint32_t> ranking, std::size_t k) noexcept {
  check(k > 0 && k <= ranking.size() && ranking.size() == values.size(),
        "find_magnitude_cut: 0 < k <= n");
  const std::uint32_t last = ranking[k - 1];
  return {magnitude_bits(values[last] - base[last]), std::size_t{last} + 1};
}

std::vector<std::uint32_t> rank_magnitudes(std::span<const float> values,
                                           std::span<const float> base) {
  check(values.size() < 0xFFFFFFFFU && (base.empty() || base.size() == values.size()),
        "rank_magnitudes: n < 2^32");
  std::vector<std::uint32_t> order(values.size());
  std::iota(order.begin(), order.end(), 0U);
  std::vector<std::uint32_t> bits(values.size());
  for_each_magnitude(values, base,
                     [&](std::size_t index, std::uint32_t seen) { bits[index] = seen; });
  if (values.size() < kSmall) {
    std::stable_sort(order.begin(), order.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return bits[a] > bits[b]; });
    return order;
  }
  std::vector<std::uint32_t> sorted(values.size());
  for (const Digit digit : {kDigits[2], kDigits[1], kDigits[0]}) {
    Histogram starts{};
    for (const std::uint32_t seen : bits) ++starts[(seen >> digit.shift) & digit.mask];
    std::exclusive_scan(starts.rbegin(), starts.rend(), starts.rbegin(), std::size_t{0});
    for (const std::uint32_t index : order) {
      sorted[starts[(bits[index] >> digit.shift) & digit.mask]++] = index;
    }
    order.swap(sorted);
  }
  return order;
}

std::vector<std::uint32_t> rank_magnitudes_in_rows(std::span<const float> values,
                                                   std::span<const float> base,
                                                   std::size_t row_size) {
  check(row_size > 0 && values.size() % row_size == 0, "rank_magnitudes_in_rows: whole rows");
  std::vector<std::uint32_t> ranks(values.size());
  for (std::size_t first = 0; first < values.size(); first += row_size) {
    const std::vector<std::uint32_t> order = rank_magnitudes(
        values.subspan(first, row_size), base.empty() ? base : base.subspan(first, row_size));
    for (std::size_t rank = 0; rank < row_size; ++rank) {
      ranks[first + order[rank]] = static_cast<std::uint32_t>(rank);
    }
  }
  return ranks;
}

void keep_largest(const MagnitudeCut& cut, std::size_t first, std::span<float> block) noexcept {
  const std::size_t before = std::clamp(cut.tie_end, first, first + block.size()) - first;
  zero_below(block.first(before), cut.bits);
  zero_below(block.subspan(before), cut.bits + 1);
}

void drop_largest(const MagnitudeCut& cut, std::size_t first, std::span<float> block) noexcept {
  const std::size_t before = std::clamp(cut.tie_end, first, first + block.size()) - first;
  zero_from(block.first(before), cut.bits);
  zero_from(block.subspan(before), cut.bits + 1);
}

}  // namespace vlm
