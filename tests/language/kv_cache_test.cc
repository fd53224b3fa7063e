#include "language/kv_cache.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace vlm {
namespace {

// Writes the key [key + hop, ...] and the value [value, ...].
void append(KvCache& cache, float key, float value) {
  cache.reserve(1);
  for (std::size_t hop = 0; hop < cache.num_hops(); ++hop) {
    std::ranges::fill(cache.next_key(hop, 0), key + static_cast<float>(hop));
    std::ranges::fill(cache.next_value(hop, 0), value);
  }
  cache.commit(1);
}

KvCache counted(std::size_t num_hops, std::size_t width, int tokens) {
  KvCache cache(num_hops, width);
  for (int i = 0; i < tokens; ++i) append(cache, static_cast<float>(i), static_cast<float>(-i));
  return cache;
}

// The first of the columns that a block shows of a token's key.
float key(const KvCache& cache, std::size_t hop, std::size_t token, std::size_t first = 0) {
  const auto blocks = cache.blocks(hop, cache.num_tokens(), first, 1);
  return blocks[token / kKeysPerBlock].keys.row(token % kKeysPerBlock)[0];
}

TEST(KvCache, KeepsItsRowsWhileItGrows) {
  const KvCache cache = counted(2, 3, 300);
  EXPECT_EQ(cache.num_tokens(), 300U);
  for (std::size_t i = 0; i < 300; ++i) {
    ASSERT_EQ(key(cache, 1, i, 2), static_cast<float>(i + 1));
    const auto values = cache.blocks(0, 300, 0, 3)[i / kKeysPerBlock].values;
    ASSERT_EQ(values.row(i % kKeysPerBlock)[0], -static_cast<float>(i));
  }
}

TEST(KvCache, BlocksAreWholeButTheLast) {
  const KvCache cache = counted(1, 2, 300);
  const auto blocks = cache.blocks(0, 260, 1, 1);
  ASSERT_EQ(blocks.size(), 3U);
  EXPECT_EQ(blocks[0].keys.rows(), kKeysPerBlock);
  EXPECT_EQ(blocks[1].values.rows(), kKeysPerBlock);
  EXPECT_EQ(blocks[2].keys.rows(), 4U);
  EXPECT_EQ(blocks[2].keys.cols(), 1U);
}

TEST(KvCache, TakesNoMoreBytesThanForetold) {
  for (const std::size_t prompt : {1U, 127U, 128U, 129U, 700U}) {
    KvCache cache(2, 3);
    cache.reserve(prompt);
    cache.commit(prompt);
    for (std::size_t tokens = prompt; tokens < prompt + 400; ++tokens) {
      ASSERT_EQ(cache.num_bytes(), KvCache::bytes_for(2, 3, tokens)) << prompt;
      append(cache, 0.0F, 0.0F);
    }
  }
}

TEST(KvCache, CopyIsEqualAndIndependent) {
  for (const int tokens : {70, 128, 200}) {
    KvCache cache = counted(2, 2, tokens);
    KvCache copy = cache;
    append(copy, 1000.0F, 0.0F);
    append(cache, 2000.0F, 0.0F);
    append(copy, 1001.0F, 0.0F);
    const auto last = static_cast<std::size_t>(tokens);
    for (std::size_t i = 0; i < last; ++i) {
      ASSERT_EQ(key(copy, 1, i), static_cast<float>(i + 1));
      ASSERT_EQ(key(cache, 0, i), static_cast<float>(i));
    }
    EXPECT_EQ(key(copy, 0, last), 1000.0F);
    EXPECT_EQ(key(copy, 0, last + 1), 1001.0F);
    EXPECT_EQ(key(cache, 0, last), 2000.0F);
  }
}

TEST(KvCache, CopiesShareTheMemoryOfWhatTheyHaveInCommon) {
  KvCache cache = counted(1, 2, 200);
  KvCache copy = cache;
  append(copy, 1.0F, 1.0F);
  const auto ours = cache.blocks(0, 200, 0, 2);
  const auto theirs = copy.blocks(0, 200, 0, 2);
  EXPECT_EQ(ours[0].keys.data(), theirs[0].keys.data());
  EXPECT_NE(ours[1].keys.data(), theirs[1].keys.data());  // written to since
}

TEST(KvCache, AloneAgainItWritesInPlace) {
  KvCache cache = counted(1, 2, 200);
  const float* place = cache.blocks(0, 200, 0, 2)[1].keys.data();
  { const KvCache copy = cache; }
  append(cache, 1.0F, 1.0F);
  EXPECT_EQ(cache.blocks(0, 200, 0, 2)[1].keys.data(), place);
}

TEST(KvCache, PrefixGoesOnItsOwnWay) {
  KvCache cache = counted(1, 2, 300);
  for (const std::size_t tokens : {1U, 128U, 150U}) {
    KvCache prefix = cache.prefix(tokens);
    EXPECT_EQ(prefix.num_tokens(), tokens);
    append(prefix, -5.0F, 0.0F);
    EXPECT_EQ(key(prefix, 0, tokens - 1), static_cast<float>(tokens - 1));
    EXPECT_EQ(key(prefix, 0, tokens), -5.0F);
    EXPECT_EQ(key(cache, 0, tokens), static_cast<float>(tokens));
  }
}

}  // namespace
}  // namespace vlm
