#include "language/score.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "language/generate.h"
#include "tensor/normalization.h"
#include "tests/error_message.h"
#include "tests/language/random_decoder.h"

namespace vlm {
namespace {

using ::testing::HasSubstr;

constexpr std::uint64_t kNumDecoders = 20;

// The score of a continuation from the logits of prompt and continuation in one pass.
ContinuationScore from_one_pass(const Decoder& decoder, const std::vector<TokenId>& prompt,
                                const std::vector<TokenId>& continuation, ThreadPool& pool) {
  std::vector<TokenId> ids = prompt;
  ids.insert(ids.end(), continuation.begin(), continuation.end() - 1);
  const Matrix<float> logits = whole_logits(decoder, ids, pool);
  ContinuationScore score;
  for (std::size_t i = 0; i < continuation.size(); ++i) {
    const std::span<const float> row = logits.row(prompt.size() - 1 + i);
    const float chosen = row[static_cast<std::size_t>(continuation[i])];
    score.log_likelihood += double{chosen} - log_sum_exp(row);
    score.is_greedy = score.is_greedy && chosen == *std::max_element(row.begin(), row.end());
  }
  score.num_tokens = continuation.size();
  return score;
}

// Logits of these decoders are below 64; a term is the difference of two numbers with an error
// each.
double tolerance(std::size_t num_tokens) {
  const std::vector<float> largest{64.0F};
  return 2.0 * static_cast<double>(num_tokens) * double{logit_tolerance(largest)};
}

void expect_equal(const ContinuationScore& found, const ContinuationScore& expected) {
  EXPECT_NEAR(found.log_likelihood, expected.log_likelihood, tolerance(expected.num_tokens));
  EXPECT_EQ(found.num_tokens, expected.num_tokens);
  EXPECT_EQ(found.is_greedy, expected.is_greedy);
}

ScoringRequest random_request(RandomDecoder& random) {
  ScoringRequest request;
  request.prompt.ids = random.ids(random.between(1, 9));
  for (std::size_t i = random.between(1, 5); i > 0; --i) {
    request.continuations.push_back(random.ids(random.between(1, 6)));
  }
  return request;
}

TEST(Score, IsTheSumOfLogProbabilitiesOfOnePass) {
  ThreadPool pool(2);
  for (std::uint64_t seed = 0; seed < kNumDecoders; ++seed) {
    RandomDecoder random(seed);
    const std::vector<ScoringRequest> requests{random_request(random), random_request(random)};
    const auto scores = score_continuations(random.decoder(), requests, pool);
    for (std::size_t i = 0; i < requests.size(); ++i) {
      ASSERT_EQ(scores[i].size(), requests[i].continuations.size());
      for (std::size_t k = 0; k < scores[i].size(); ++k) {
        expect_equal(scores[i][k], from_one_pass(random.decoder(), requests[i].prompt.ids,
                                                 requests[i].continuations[k], pool));
      }
    }
  }
}

TEST(Score, OrderAndThreadsAndOtherRequestsDoNotChangeABit) {
  ThreadPool one(1);
  ThreadPool three(3);
  for (std::uint64_t seed = 0; seed < kNumDecoders; ++seed) {
    RandomDecoder random(seed);
    std::vector<ScoringRequest> requests;
    for (int i = 0; i < 4; ++i) requests.push_back(random_request(random));
    const auto expected = score_continuations(random.decoder(), requests, one);
    EXPECT_EQ(score_continuations(random.decoder(), requests, three), expected);
    for (std::size_t i = 0; i < requests.size(); ++i) {
      ScoringRequest turned = requests[i];
      std::ranges::reverse(turned.continuations);
      auto found = score_continuations(random.decoder(), {&turned, 1}, three)[0];
      std::ranges::reverse(found);
      EXPECT_EQ(found, expected[i]);
    }
  }
}

TEST(Score, GreedyIsWhatGreedySearchFinds) {
  ThreadPool pool(2);
  for (std::uint64_t seed = 0; seed < kNumDecoders; ++seed) {
    RandomDecoder random(seed);
    ScoringRequest request{{random.ids(4), {}}, {}};
    GenerationOptions options;
    options.max_tokens = 3;
    const auto greedy = generate_ids(random.decoder(), {&request.prompt, 1}, options, {}, pool)[0];
    const std::size_t vocabulary = random.decoder().config().vocab_size;
    for (std::size_t i = 0; i <= greedy.ids.size(); ++i) {
      auto& ids = request.continuations.emplace_back(greedy.ids);
      if (i < ids.size()) ids[i] = (ids[i] + 1) % static_cast<TokenId>(vocabulary);
    }
    const auto scores = score_continuations(random.decoder(), {&request, 1}, pool)[0];
    for (std::size_t i = 0; i < greedy.ids.size(); ++i) EXPECT_FALSE(scores[i].is_greedy);
    EXPECT_TRUE(scores.back().is_greedy);
    EXPECT_NEAR(scores.back().log_likelihood, greedy.score, tolerance(3));
  }
}

TEST(Score, LongContinuationsAreCutIntoPiecesWithoutATrace) {
  ThreadPool pool(2);
  RandomDecoder random(7);
  ScoringRequest request{{random.ids(5), {}}, {}};
  for (const std::size_t length : {700U, 65U, 400U, 1U, 129U}) {
    request.continuations.push_back(random.ids(length));
  }
  const auto scores = score_continuations(random.decoder(), {&request, 1}, pool)[0];
  for (std::size_t i = 0; i < scores.size(); ++i) {
    expect_equal(scores[i], from_one_pass(random.decoder(), request.prompt.ids,
                                          request.continuations[i], pool));
  }
}

// Beyond the context every length has its own frequencies, so the prompt is not shared.
TEST(Score, DynamicPositionsAreThoseOfTheWholeSequence) {
  ThreadPool pool(2);
  const RopeScaling scaling{
      .kind = RopeScalingKind::kDynamic, .factor = 2.0, .original_context = 8};
  for (std::uint64_t seed = 0; seed < kNumDecoders; ++seed) {
    RandomDecoder random(seed, scaling);
    const ScoringRequest request{{random.ids(6), {}},
                                 {random.ids(3), random.ids(4), random.ids(9)}};
    const auto scores = score_continuations(random.decoder(), {&request, 1}, pool)[0];
    for (std::size_t i = 0; i < scores.size(); ++i) {
      expect_equal(scores[i], from_one_pass(random.decoder(), request.prompt.ids,
                                            request.continuations[i], pool));
    }
  }
}

TEST(Score, EmbeddedRowsReplaceTokens) {
  ThreadPool pool(2);
  RandomDecoder random(3);
  const ScoringRequest plain{{random.ids(5), {}}, {random.ids(3)}};
  Matrix<float> rows(2, random.decoder().config().hidden_size);
  random.decoder().embed(std::span(plain.prompt.ids).subspan(1, 2), rows.view());
  ScoringRequest replaced = plain;
  replaced.prompt.ids[1] = -1;
  replaced.prompt.ids[2] = 1000000;
  replaced.prompt.embedded.push_back({1, rows.view()});
  EXPECT_EQ(score_continuations(random.decoder(), {&replaced, 1}, pool),
            score_continuations(random.decoder(), {&plain, 1}, pool));
}

TEST(Score, BadRequestsAreRefusedByNumber) {
  ThreadPool pool(2);
  RandomDecoder random(1);
  const auto error_of = [&](const ScoringRequest& request) -> std::string {
    const std::vector<ScoringRequest> requests{{{{0}, {}}, {{0}}}, request};
    try {
      score_continuations(random.decoder(), requests, pool);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_THAT(error_of({{{}, {}}, {{0}}}), HasSubstr("prompt 1: expected at least one token"));
  EXPECT_THAT(error_of({{{0}, {}}, {{0}, {}}}), HasSubstr("prompt 1: continuation 1: expected"));
  EXPECT_THAT(error_of({{{0}, {}}, {{-1}}}), HasSubstr("continuation 0: token id outside"));
  EXPECT_THAT(error_of({{{0}, {}}, {{1000000}}}), HasSubstr("1000000"));
  EXPECT_EQ(error_of({{{0}, {}}, {}}), "no error");
}

TEST(Score, ABudgetChangesNoBit) {
  ThreadPool pool(3);
  RandomDecoder random(3);
  std::vector<ScoringRequest> requests;
  for (int i = 0; i < 5; ++i) requests.push_back(random_request(random));
  const auto expected = score_continuations(random.decoder(), requests, pool);
  std::size_t least = 1;  // found by halving: the least budget that is not refused
  const auto fits = [&](std::size_t bytes) {
    return error_message([&] { score_continuations(random.decoder(), requests, pool, bytes); }) ==
           "no error";
  };
  for (std::size_t step = std::size_t{1} << 30U; step > 0; step /= 2) {
    if (!fits(least + step - 1)) least += step;
  }
  EXPECT_EQ(score_continuations(random.decoder(), requests, pool, least), expected);
  EXPECT_EQ(score_continuations(random.decoder(), requests, pool, 2 * least), expected);
  EXPECT_THAT(
      error_message([&] { score_continuations(random.decoder(), requests, pool, least - 1); }),
      HasSubstr("memory: the longest prompt with its continuations needs"));
}

}  // namespace
}  // namespace vlm
