#include "language/path_prefix.h"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "tests/language/random_decoder.h"

namespace vlm {
namespace {

// The decoder of a seed with another path.
Decoder along(const RandomDecoder& random, const LayerPath& path) {
  DecoderConfig config = random.decoder().config();
  config.path = path;
  return {config, random.decoder().weights()};
}

bool hold_the_same(const KvCache& a, const KvCache& b, std::size_t hop) {
  const auto left = a.blocks(hop, a.num_tokens(), 0, a.width());
  const auto right = b.blocks(hop, b.num_tokens(), 0, b.width());
  for (std::size_t i = 0; i < left.size(); ++i) {
    for (std::size_t row = 0; row < left[i].keys.rows(); ++row) {
      if (!std::ranges::equal(left[i].keys.row(row), right[i].keys.row(row))) return false;
      if (!std::ranges::equal(left[i].values.row(row), right[i].values.row(row))) return false;
    }
  }
  return true;
}

TEST(PathPrefix, ContinuedAlongAnyPathEqualsTheWholePathBitForBit) {
  ThreadPool pool(2);
  DecoderScratch scratch;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    RandomDecoder random(seed);
    LayerPath path = random.decoder().config().path;
    path.hops.push_back(path.hops.front());
    const GenerationPrompt prompt{random.ids(random.between(1, 9)), {}};
    const std::size_t num_hops = random.between(0, path.hops.size() - 1);
    const PathPrefix prefix(along(random, path), num_hops, prompt, scratch, pool);
    path.hops.push_back({random.between(0, random.decoder().config().num_layers - 1), 1.25F});
    const Decoder longer = along(random, path);
    ASSERT_TRUE(prefix.begins(longer));
    KvCache cache = longer.make_cache();
    const Matrix<float> found = prefix.continue_along(longer, cache, scratch, pool);

    KvCache whole_cache = longer.make_cache();
    Matrix<float> whole(prompt.ids.size(), longer.config().hidden_size);
    embed_prompt(longer, prompt, 0, whole.view());
    const SequenceRows rows{&whole_cache, 0, whole.rows()};
    longer.forward(whole.view(), {&rows, 1}, scratch, pool);
    EXPECT_TRUE(std::ranges::equal(found.values(), whole.values())) << seed;
    ASSERT_EQ(cache.num_tokens(), whole_cache.num_tokens());
    for (std::size_t hop = 0; hop < cache.num_hops(); ++hop) {
      EXPECT_TRUE(hold_the_same(cache, whole_cache, hop));
    }
  }
}

TEST(PathPrefix, BeginsPathsWithEqualHopsThatGoOn) {
  ThreadPool pool(1);
  DecoderScratch scratch;
  const RandomDecoder random(0);
  const GenerationPrompt prompt{{0}, {}};
  const auto path = [](std::vector<LayerHop> hops, HopScaling scaling = HopScaling::kStream) {
    return LayerPath{std::move(hops), scaling};
  };
  const PathPrefix prefix(along(random, path({{0, 1.0F}, {0, 2.0F}, {0, 3.0F}})), 2, prompt,
                          scratch, pool);
  const auto begins = [&](const LayerPath& other) { return prefix.begins(along(random, other)); };
  EXPECT_TRUE(begins(path({{0, 1.0F}, {0, 2.0F}, {0, 5.0F}})));
  EXPECT_FALSE(begins(path({{0, 1.0F}, {0, 2.5F}, {0, 3.0F}})));
  EXPECT_FALSE(begins(path({{0, 1.0F}, {0, 2.0F}})));
  EXPECT_FALSE(begins(path({{0, 1.0F}, {0, 2.0F}, {0, 3.0F}}, HopScaling::kMlpOutput)));
}

// There the scale of the next hop is part of the last MLP.
TEST(PathPrefix, OfMlpScalesIncludesTheNextScale) {
  ThreadPool pool(1);
  DecoderScratch scratch;
  const RandomDecoder random(0);
  const auto decoder = [&](float next_scale) {
    return along(random, {{{0, 1.0F}, {0, next_scale}}, HopScaling::kMlpOutput});
  };
  const PathPrefix prefix(decoder(2.0F), 1, {{0}, {}}, scratch, pool);
  EXPECT_TRUE(prefix.begins(decoder(2.0F)));
  EXPECT_FALSE(prefix.begins(decoder(2.5F)));
}

}  // namespace
}  // namespace vlm
