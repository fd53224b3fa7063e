#include "merge/methods/kept_entries.h"

#include <cstddef>
#include <utility>
#include <vector>

#include "merge/block_loop.h"
#include "tests/merge/run_method.h"
#include "tests/tensor/instruction_sets.h"

namespace vlm {
namespace {

TEST(KeptEntries, KeepWhatWasNotZeroWhereverABlockBegins) {
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
          kept.mark(first, std::span(filtered).subspan(first, size));
        });
      }
      for (std::size_t first = 0; first < elements; first += 3 * unit) {
        Floats block(std::min(elements - first, 37 * unit), 2.0F);
        kept.keep(first, block);
        for (std::size_t i = 0; i < block.size(); ++i) {
          const bool is_kept = filtered[first + i] != 0 || first + i == 40;
          EXPECT_EQ(block[i], is_kept ? 2.0F : 0.0F) << unit << ": " << first << " + " << i;
        }
      }
    }
  });
}

}  // namespace
}  // namespace vlm
