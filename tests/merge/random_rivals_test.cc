#include "merge/kernels/random_rivals.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "merge/kernels/magnitude.h"
#include "merge/kernels/philox_words.h"
#include "merge/kernels/rival_choice.h"
#include "tests/merge/run_method.h"
#include "tests/tensor/instruction_sets.h"

namespace vlm {
namespace {

constexpr std::uint32_t kLow = 0x30000000U;
constexpr std::uint32_t kHigh = 0xD0000000U;

// The word in the middle of those that point at another entry, the `number`-th of the others.
std::uint32_t word_of_rival(std::size_t number, std::size_t size, const WordBounds& bounds) {
  const double share = (static_cast<double>(number) + 0.5) / static_cast<double>(size - 1);
  return bounds.low + static_cast<std::uint32_t>(share * (bounds.high - bounds.low));
}

// Of words that point at each other entry once, so many keep an entry as there are smaller ones:
// that is what makes its probability fall evenly with its rank.
void expect_wins_by_rank(const Floats& row, const WordBounds& bounds = {kLow, kHigh}) {
  const std::vector<std::uint32_t> ranks = rank_magnitudes_in_rows(row, {}, row.size());
  for_each_instruction_set([&] {
    std::vector<std::size_t> kept(row.size());
    for (std::size_t number = 0; number + 1 < row.size(); ++number) {
      Floats left = row;
      const std::vector<std::uint32_t> words(row.size(), word_of_rival(number, row.size(), bounds));
      keep_by_rivals(left, words, bounds);
      for (std::size_t i = 0; i < row.size(); ++i) {
        EXPECT_TRUE(left[i] == 0 || left[i] == row[i] || std::isnan(row[i])) << i;
        kept[i] += left[i] != 0 ? 1 : 0;
      }
    }
    for (std::size_t i = 0; i < row.size(); ++i) {
      EXPECT_EQ(kept[i], row.size() - 1 - ranks[i]) << i << " of " << row.size();
    }
  });
}

TEST(RandomRivals, AsManyWordsKeepAnEntryAsThereAreSmallerOnes) {
  for (const std::size_t size : {2U, 3U, 31U, 257U}) {
    expect_wins_by_rank(random_values(size, "row"));
    expect_wins_by_rank(random_values(size, "row"), {0x70000000U, 0x70300000U});
    expect_wins_by_rank(random_values(size, "row"), {5, 70'001});
    expect_wins_by_rank(random_values(size, "row"), {0, 0xFFFFFFFFU});
  }
}

// The first and the last word of each rival, for bounds of any distance. The factor is off by less
// than 2^-31, so ends are by less than two words.
TEST(RandomRivals, WordsPointAtEachOtherEntryEquallyOften) {
  for (const std::size_t size : {2U, 3U, 31U, 4096U, 14'336U}) {
    for (const std::uint32_t range : {0xFFFFFFFFU, 0xA0000000U, 0x33333333U, 70'001U}) {
      const RivalChoice choice = choose_rivals(size, {5, range});
      const double words_of_one = static_cast<double>(range - 5) / static_cast<double>(size - 1);
      for (std::size_t number = 0; number + 1 < size;
           number += std::max<std::size_t>(1, size / 9)) {
        const double begin = static_cast<double>(number) * words_of_one;
        const auto of_word = [&](double beyond) {
          const std::uint32_t left = static_cast<std::uint32_t>(beyond) << choice.left;
          return static_cast<std::uint32_t>((std::uint64_t{left} * choice.factor) >> 32U) >>
                 choice.right;
        };
        EXPECT_EQ(of_word(begin + 2), number) << size << ' ' << range;
        EXPECT_EQ(of_word(begin + words_of_one - 2), number) << size << ' ' << range;
      }
    }
  }
}

TEST(RandomRivals, TheFirstOfEqualsWins) {
  Floats row = random_values(300, "row");
  for (float& each : row) each = std::round(each * 2) + 0.25F;
  expect_wins_by_rank(row);
  expect_wins_by_rank(Floats(50, -1.0F));
}

TEST(RandomRivals, KnowMagnitudesOfAllSizes) {
  Floats row = random_values(200, "row");
  for (std::size_t i = 0; i < row.size(); ++i) {
    row[i] = std::ldexp(row[i], -static_cast<int>(i % 140));  // down to subnormal numbers
  }
  row[7] = std::numeric_limits<float>::infinity();
  row[9] = std::numeric_limits<float>::quiet_NaN();
  expect_wins_by_rank(row);
}

TEST(RandomRivals, AreAskedOnlyBetweenTheBounds) {
  for (const std::size_t size : {1U, 2U, 1023U, 1025U, 4099U}) {
    const Floats row = random_values(size, "row");
    std::vector<std::uint32_t> words(size);
    philox_words(7, 1, 0, words);
    for_each_instruction_set([&] {
      Floats left = row;
      keep_by_rivals(left, words, {kHigh, kHigh});  // nobody has a rival
      for (std::size_t i = 0; i < size; ++i) EXPECT_EQ(left[i], words[i] < kHigh ? row[i] : 0) << i;
      if (size == 1) return;
      left = row;
      keep_by_rivals(left, words, {kLow, kHigh});
      for (std::size_t i = 0; i < size; ++i) {
        if (words[i] < kLow || words[i] >= kHigh) {
          EXPECT_EQ(left[i], words[i] < kLow ? row[i] : 0) << i;
        }
      }
    });
  }
}

TEST(RandomRivals, EveryInstructionSetKeepsTheSame) {
  const Floats row = random_values(14'336, "row");
  std::vector<std::uint32_t> words(row.size());
  philox_words(7, 1, 0, words);
  Floats wanted;
  for_each_instruction_set([&] {
    Floats left = row;
    keep_by_rivals(left, words, {kLow, kHigh});
    if (wanted.empty()) wanted = left;
    EXPECT_EQ(left, wanted);
  });
}

}  // namespace
}  // namespace vlm
