#include "language/kv_cache.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace vlm {
namespace {

void append(KvCache& cache, float key, float value) {
  cache.reserve(1);
  for (std::size_t hop = 0; hop < cache.num_hops(); ++hop) {
    std::ranges::fill(cache.next_keys(hop, 1).row(0), key + static_cast<float>(hop));
    std::ranges::fill(cache.next_values(hop, 1).row(0), value);
  }
  cache.commit(1);
}

TEST(KvCache, KeepsItsRowsWhileItGrows) {
  KvCache cache(2, 3);
  for (int i = 0; i < 300; ++i) append(cache, static_cast<float>(i), static_cast<float>(-i));
  EXPECT_EQ(cache.num_tokens(), 300U);
  const MatrixView<const float> keys = cache.keys(1, 300);
  const MatrixView<const float> values = cache.values(0, 300);
  for (std::size_t i = 0; i < 300; ++i) {
    ASSERT_EQ(keys.row(i)[2], static_cast<float>(i + 1));
    ASSERT_EQ(values.row(i)[0], -static_cast<float>(i));
  }
}

TEST(KvCache, TakesNoMoreBytesThanForetold) {
  for (const std::size_t prompt : {1U, 63U, 64U, 65U, 700U}) {
    KvCache cache(2, 3);
    cache.reserve(prompt);
    cache.commit(prompt);
    for (std::size_t tokens = prompt; tokens < prompt + 400; ++tokens) {
      ASSERT_LE(cache.num_bytes(), KvCache::bytes_for(2, 3, tokens)) << prompt;
      append(cache, 0.0F, 0.0F);
    }
  }
}

TEST(KvCache, CopyIsEqualAndIndependent) {
  KvCache cache(1, 2);
  for (int i = 0; i < 70; ++i) append(cache, static_cast<float>(i), 0.0F);
  KvCache copy(1, 2);
  copy.assign(cache);
  append(copy, 1000.0F, 0.0F);
  append(cache, 2000.0F, 0.0F);
  EXPECT_EQ(copy.keys(0, 71).row(69)[0], 69.0F);
  EXPECT_EQ(copy.keys(0, 71).row(70)[0], 1000.0F);
  EXPECT_EQ(cache.keys(0, 71).row(70)[0], 2000.0F);
}

}  // namespace
}  // namespace vlm
