#include "merge/methods/kept_entries.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "merge/block_loop.h"
#include "merge/kernels/marks.h"
#include "tests/merge/run_method.h"
#include "tests/tensor/instruction_sets.h"

namespace vlm {
namespace {

TEST(KeptEntries, HaveABitOfTheirOwnInEveryRow) {
  for_each_instruction_set([] {
    for (const auto& [unit, elements] : std::vector<std::pair<std::size_t, std::size_t>>{
             {1, 5000}, {1, 1}, {33, 33 * 150}, {64, 6400}, {7, 7}}) {
      Floats filtered = random_values(elements, "delta");
      for (std::size_t i = 0; i < elements; i += 1 + i % 5) filtered[i] = 0;
      if (elements > 40) filtered[40] = -0.0F;
      KeptEntries kept(elements, unit);
      const Parts parts(elements, unit);
      for (std::size_t part = 0; part < parts.count(); ++part) {
        parts.for_each_block(part, [&](std::size_t first, std::size_t size) {
          kept.mark_non_zero(first, std::span(filtered).subspan(first, size));
        });
      }
      for (std::size_t i = 0; i < elements; ++i) {
        const EntryMarks marks = kept.marks(i);
        const bool is_marked = ((marks.words[0] >> marks.first) & 1U) != 0;
        EXPECT_EQ(is_marked, filtered[i] != 0 || i == 40) << unit << ": " << i;
        EXPECT_EQ(kept.row_end(i), unit == 1 ? elements : (i / unit + 1) * unit);
      }
    }
  });
}

TEST(Marks, BelowALimitAreThoseOfTheComparison) {
  std::vector<std::uint32_t> words;
  for (std::uint32_t i = 0; i < 300; ++i) words.push_back(0x9E3779B9U * i);
  constexpr std::uint32_t kLimit = 0xA0000000U;
  for_each_instruction_set([&] {
    for (const std::size_t first : {0U, 5U, 32U, 63U}) {
      std::vector<std::uint32_t> marks(words_of_marks(first + words.size()));
      mark_below(words, kLimit, first, marks);
      for (std::size_t i = 0; i < marks.size() * kMarksOfWord; ++i) {
        const bool is_marked = ((marks[i / kMarksOfWord] >> (i % kMarksOfWord)) & 1U) != 0;
        const bool is_inside = i >= first && i < first + words.size();
        EXPECT_EQ(is_marked, is_inside && words[i - first] < kLimit) << first << ": " << i;
      }
    }
  });
}

}  // namespace
}  // namespace vlm
