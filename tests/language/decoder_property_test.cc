// Rules of the decoder that hold for every shape, on random ones.

#include <algorithm>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "language/generate.h"
#include "tests/language/random_decoder.h"

namespace vlm {
namespace {

constexpr std::uint64_t kNumDecoders = 40;

float largest_difference(std::span<const float> a, std::span<const float> b) {
  EXPECT_EQ(a.size(), b.size());
  float largest = 0.0F;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    largest = std::max(largest, std::abs(a[i] - b[i]));
  }
  return largest;
}

TEST(DecoderProperty, ChunksOfAnySizeGiveTheVeryLogitsOfOnePass) {
  ThreadPool pool(2);
  for (std::uint64_t seed = 0; seed < kNumDecoders; ++seed) {
    RandomDecoder random(seed);
    const Decoder& decoder = random.decoder();
    const auto ids = random.ids(random.between(1, random.longest_window() + 3));
    const Matrix<float> expected = whole_logits(decoder, ids, pool);
    DecoderScratch scratch;
    KvCache cache = decoder.make_cache();
    std::size_t done = 0;
    while (done < ids.size()) {
      const std::size_t count = random.between(1, std::min<std::size_t>(3, ids.size() - done));
      Matrix<float> hidden(count, decoder.config().hidden_size);
      Matrix<float> logits(count, decoder.config().vocab_size);
      const SequenceRows rows{&cache, 0, count};
      decoder.embed(std::span(ids).subspan(done, count), hidden.view());
      decoder.forward(hidden.view(), {&rows, 1}, scratch, pool);
      decoder.logits(hidden.view(), logits.view(), scratch, pool);
      const auto wanted = expected.values().subspan(done * logits.cols(), logits.size());
      EXPECT_TRUE(std::ranges::equal(logits.values(), wanted))
          << seed << ": " << random.description();
      done += count;
    }
  }
}

TEST(DecoderProperty, ARaggedBatchGivesTheVeryLogitsOfEachSequenceAlone) {
  ThreadPool pool(2);
  for (std::uint64_t seed = 0; seed < kNumDecoders; ++seed) {
    RandomDecoder random(seed);
    const Decoder& decoder = random.decoder();
    std::vector<std::vector<TokenId>> sequences;
    for (std::size_t i = random.between(2, 4); i > 0; --i) {
      sequences.push_back(random.ids(random.between(1, random.longest_window() + 3)));
    }
    std::vector<KvCache> caches;
    caches.reserve(sequences.size());
    std::vector<SequenceRows> rows;
    std::vector<TokenId> all;
    for (const auto& ids : sequences) {
      caches.push_back(decoder.make_cache());
      rows.push_back({&caches.back(), all.size(), ids.size()});
      all.insert(all.end(), ids.begin(), ids.end());
    }
    DecoderScratch scratch;
    Matrix<float> hidden(all.size(), decoder.config().hidden_size);
    Matrix<float> logits(all.size(), decoder.config().vocab_size);
    decoder.embed(all, hidden.view());
    decoder.forward(hidden.view(), rows, scratch, pool);
    decoder.logits(hidden.view(), logits.view(), scratch, pool);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const Matrix<float> alone = whole_logits(decoder, sequences[i], pool);
      const auto found = logits.values().subspan(rows[i].first_row * logits.cols(), alone.size());
      EXPECT_TRUE(std::ranges::equal(found, alone.values()))
          << seed << ": " << random.description();
    }
  }
}

TEST(DecoderProperty, BatchesGenerateTheIdsOfPromptsOneByOne) {
  ThreadPool pool(2);
  for (std::uint64_t seed = 0; seed < kNumDecoders; ++seed) {
    RandomDecoder random(seed);
    std::vector<GenerationPrompt> prompts;
    for (std::size_t i = 0; i < 4; ++i) prompts.push_back({random.ids(random.between(1, 9)), {}});
    GenerationOptions options;
    options.max_tokens = 5;
    options.eos_ids = random.ids(1);
    for (const std::size_t beams : {1U, 2U}) {
      options.num_beams = beams;
      const auto together = generate_ids(random.decoder(), prompts, options, {}, pool);
      for (std::size_t i = 0; i < prompts.size(); ++i) {
        const auto alone =
            generate_ids(random.decoder(), std::span(prompts).subspan(i, 1), options, {}, pool);
        EXPECT_EQ(together[i].ids, alone[0].ids) << seed << ": " << random.description();
        EXPECT_EQ(together[i].score, alone[0].score) << seed << ": " << random.description();
      }
    }
  }
}

TEST(DecoderProperty, OneTokenSeesOnlyItself) {
  ThreadPool pool(1);
  for (std::uint64_t seed = 0; seed < kNumDecoders; ++seed) {
    RandomDecoder random(seed);
    DecoderConfig narrow = random.decoder().config();
    for (auto& window : narrow.layer_windows) window = 1;
    const Decoder decoder(narrow, random.decoder().weights());
    const auto ids = random.ids(3);
    const Matrix<float> all = whole_logits(decoder, ids, pool);
    // Without other keys the softmax is 1 and positions cancel, so a token's logits are its own.
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const Matrix<float> alone = whole_logits(decoder, std::span(ids).subspan(i, 1), pool);
      EXPECT_LT(largest_difference(all.row(i), alone.values()), logit_tolerance(all.values()));
    }
  }
}

}  // namespace
}  // namespace vlm
