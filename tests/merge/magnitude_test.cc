#include "merge/kernels/magnitude.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <gtest/gtest.h>

#include "core/philox.h"
#include "merge/kernels/elementwise.h"

namespace vlm {
namespace {

// The plain twin: sort all indices.
std::vector<std::uint32_t> sorted_indices(std::span<const float> delta) {
  std::vector<std::uint32_t> order(delta.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return std::fabs(delta[a]) > std::fabs(delta[b]);
  });
  return order;
}

std::vector<std::uint32_t> kept_by(const MagnitudeCut& cut, std::span<const float> delta) {
  std::vector<std::uint32_t> kept;
  for (std::size_t i = 0; i < delta.size(); ++i) {
    const std::uint32_t lowest = i < cut.tie_end ? cut.bits : cut.bits + 1;
    if (magnitude_bits(delta[i]) >= lowest) kept.push_back(static_cast<std::uint32_t>(i));
  }
  return kept;
}

// `levels` distinct magnitudes: few give many ties.
std::vector<float> random_delta(std::size_t size, std::uint64_t levels) {
  RandomStream random(philox_key(1, "magnitude test"), size);
  std::vector<float> delta;
  for (std::size_t i = 0; i < size; ++i) {
    const auto magnitude = static_cast<float>(random.below(levels)) * 0.37F;
    delta.push_back(random.below(2) == 0 ? magnitude : -magnitude);
  }
  return delta;
}

TEST(Magnitude, CutsKeepExactlyTheFirstOfAStableSort) {
  for (const std::size_t size : {1U, 64U, 99U, 3000U}) {
    const std::vector<float> zero(size, 0.0F);
    for (const std::uint64_t levels : {1U, 3U, 1000000U}) {
      const std::vector<float> delta = random_delta(size, levels);
      const std::vector<std::uint32_t> order = sorted_indices(delta);
      EXPECT_EQ(rank_magnitudes(delta, zero), order);
      for (std::size_t k = 1; k <= size; k += 1 + size / 17) {
        std::vector<std::uint32_t> wanted(order.begin(),
                                          order.begin() + static_cast<std::ptrdiff_t>(k));
        std::sort(wanted.begin(), wanted.end());
        EXPECT_EQ(kept_by(find_magnitude_cut(delta, zero, k), delta), wanted);
        EXPECT_EQ(kept_by(find_magnitude_cut(delta, zero, order, k), delta), wanted);
      }
    }
  }
}

TEST(Magnitude, DeltaIsValuesMinusBase) {
  const std::vector<float> values{5, 1, 2};
  const std::vector<float> base{5, 3, 3};
  EXPECT_EQ(rank_magnitudes(values, base), (std::vector<std::uint32_t>{1, 2, 0}));
}

TEST(Magnitude, InfinityAndNanRankFirst) {
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> values{1, -infinity, std::nanf(""), 2};
  const std::vector<float> zero(4, 0.0F);
  EXPECT_EQ(rank_magnitudes(values, zero), (std::vector<std::uint32_t>{2, 1, 3, 0}));
  EXPECT_EQ(find_magnitude_cut(values, zero, 2).tie_end, 2U);
}

}  // namespace
}  // namespace vlm
