#include "merge/kernels/rank_limits.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "merge/kernels/elementwise.h"
#include "merge/kernels/magnitude.h"
#include "merge/kernels/philox_words.h"
#include "tests/merge/run_method.h"
#include "tests/tensor/instruction_sets.h"

namespace vlm {
namespace {

// Falling limits around a half; words that lie between them for most entries.
void expect_ranked(const Floats& row) {
  std::vector<std::uint32_t> limits;
  for (std::size_t rank = 0; rank < row.size(); ++rank) {
    const double place = static_cast<double>(rank) / static_cast<double>(row.size());
    limits.push_back(static_cast<std::uint32_t>((0.9 - 0.8 * place) * 0x1p32));
  }
  std::vector<std::uint32_t> words(row.size());
  philox_words(7, 1, 0, words);
  Floats wanted = row;
  zero_unless_below(wanted, words, rank_magnitudes_in_rows(row, {}, row.size()), limits);
  for_each_instruction_set([&] {
    Floats kept = row;
    std::vector<std::uint32_t> used = words;
    zero_unless_below_limit_of_rank(kept, used, limits);
    for (std::size_t i = 0; i < row.size(); ++i) {
      EXPECT_EQ(std::bit_cast<std::uint32_t>(kept[i]), std::bit_cast<std::uint32_t>(wanted[i]))
          << i << " of " << row.size();
    }
  });
}

TEST(RankLimits, KeepWhatTheWholeRankingKeeps) {
  for (const std::size_t size : {1U, 2U, 31U, 257U, 4096U, 14'336U}) {
    expect_ranked(random_values(size, "row"));
  }
}

TEST(RankLimits, KeepTheFirstOfEqualsMoreOften) {
  Floats row = random_values(5000, "row");
  for (float& each : row) each = std::round(each * 2);  // as the deltas of fine-tuned bfloat16
  expect_ranked(row);
  expect_ranked(Floats(300, 0.0F));
  expect_ranked(Floats(300, -1.0F));
}

// Rows whose bins tell little apart, for which comparisons within bins would be too many.
TEST(RankLimits, KeepTheSameOfRowsWithFewMagnitudes) {
  const Floats values = random_values(14'336, "row");
  const auto expect_each = [&](auto&& change) {
    Floats row = values;
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = change(i, row[i]);
    expect_ranked(row);
  };
  const auto by_twenty = [](float zero) {
    return [zero](std::size_t i, float value) { return i % 20 == 0 ? value : zero; };
  };
  expect_each(by_twenty(0.0F));
  expect_each(by_twenty(-0.0F));
  expect_each([](std::size_t, float) { return 0.0F; });
  expect_each([](std::size_t, float) { return -0.0F; });
  expect_each([](std::size_t i, float) { return i % 2 == 0 ? 0.0F : -0.0F; });
  expect_each([](std::size_t, float value) { return std::copysign(0.5F, value); });
  expect_each(
      [](std::size_t i, float value) { return std::copysign(static_cast<float>(i % 3), value); });
  expect_each([](std::size_t i, float value) { return i == 77 ? 0x1p30F : value; });
}

TEST(RankLimits, KnowMagnitudesOfAllSizes) {
  Floats row = random_values(3000, "row");
  for (std::size_t i = 0; i < row.size(); ++i) {
    row[i] = std::ldexp(row[i], -static_cast<int>(i % 140));  // down to subnormal numbers
  }
  row[7] = std::numeric_limits<float>::infinity();
  row[9] = std::numeric_limits<float>::quiet_NaN();
  expect_ranked(row);
}

}  // namespace
}  // namespace vlm
