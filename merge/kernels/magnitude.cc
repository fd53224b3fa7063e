#include "merge/kernels/magnitude.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "core/check.h"
#include "merge/kernels/elementwise.h"

namespace vlm {
namespace {

constexpr std::size_t kBlock = 1024;

// One digit of the 31 magnitude bits, from the most significant: 11, 10, 10.
struct Digit {
  unsigned shift;
  std::uint32_t mask;
};
constexpr std::array<Digit, 3> kDigits = {Digit{20, 0x7FF}, Digit{10, 0x3FF}, Digit{0, 0x3FF}};
constexpr std::size_t kMaxDigitValues = 2048;
using Histogram = std::array<std::size_t, kMaxDigitValues>;

// Calls visit(index, magnitude bits) for every element of values - base.
template <typename Visit>
void for_each_magnitude(std::span<const float> values, std::span<const float> base, Visit visit) {
  std::array<float, kBlock> delta;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  for (std::size_t first = 0; first < values.size(); first += kBlock) {
    const std::size_t count = std::min(kBlock, values.size() - first);
    const std::span<float> block(delta.data(), count);
    subtract(values.subspan(first, count), base.subspan(first, count), block);
    for (std::size_t i = 0; i < count; ++i) visit(first + i, magnitude_bits(block[i]));
  }
}

// How many elements share `prefix` above the digit, per value of the digit.
Histogram count_digit(std::span<const float> values, std::span<const float> base, Digit digit,
                      std::uint32_t prefix) {
  Histogram counts{};
  const std::uint32_t above = ~((digit.mask << digit.shift) | ((1U << digit.shift) - 1U));
  for_each_magnitude(values, base, [&](std::size_t /*index*/, std::uint32_t bits) {
    if ((bits & above) == prefix) ++counts[(bits >> digit.shift) & digit.mask];
  });
  return counts;
}

// One past the `wanted`-th element (from 1) whose magnitude bits are `bits`.
std::size_t end_of_ties(std::span<const float> values, std::span<const float> base,
                        std::uint32_t bits, std::size_t wanted) {
  std::size_t found = 0;
  std::size_t end = 0;
  for_each_magnitude(values, base, [&](std::size_t index, std::uint32_t seen) {
    if (seen == bits && ++found == wanted) end = index + 1;
  });
  return end;
}

}  // namespace

MagnitudeCut find_magnitude_cut(std::span<const float> values, std::span<const float> base,
                                std::size_t k) {
  check(k > 0 && k <= values.size() && base.size() == values.size(),
        "find_magnitude_cut: 0 < k <= n");
  std::uint32_t bits = 0;
  std::size_t wanted = k;  // rank of the cut among the elements that share `bits` so far
  for (const Digit digit : kDigits) {
    const Histogram counts = count_digit(values, base, digit, bits);
    std::uint32_t value = digit.mask;
    while (counts[value] < wanted) wanted -= counts[value--];
    bits |= value << digit.shift;
  }
  return {bits, end_of_ties(values, base, bits, wanted)};
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
  check(values.size() < 0xFFFFFFFFU && base.size() == values.size(), "rank_magnitudes: n < 2^32");
  std::vector<std::uint32_t> order(values.size());
  std::iota(order.begin(), order.end(), 0U);
  std::vector<std::uint32_t> sorted(values.size());
  std::vector<std::uint32_t> bits(values.size());
  for_each_magnitude(values, base,
                     [&](std::size_t index, std::uint32_t seen) { bits[index] = seen; });
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

}  // namespace vlm
