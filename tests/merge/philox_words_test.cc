#include "merge/kernels/philox_words.h"

#include <vector>

#include <gtest/gtest.h>

#include "core/philox.h"

namespace vlm {
namespace {

TEST(PhiloxWords, AreThoseOfTheBlocksOneByOne) {
  // The last places are around the end of 32 bits of the counter.
  for (const std::uint64_t first : {0ULL, 1ULL, 6ULL, 4096ULL, (4ULL << 32U) - 70, (4ULL << 40U)}) {
    for (const std::size_t size : {0U, 1U, 2U, 64U, 99U, 2048U}) {
      std::vector<std::uint32_t> words(size);
      philox_words(0x123456789ABCDEFULL, 3ULL << 33U, first, words);
      for (std::size_t i = 0; i < size; ++i) {
        const PhiloxBlock block = philox_block(0x123456789ABCDEFULL, (first + i) / 4, 3ULL << 33U);
        ASSERT_EQ(words[i], block[(first + i) % 4]) << first << " + " << i;
      }
    }
  }
}

}  // namespace
}  // namespace vlm
