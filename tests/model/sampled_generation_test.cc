// Sampled and streamed continuation with a bundled model: what the draws may depend on.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "language/generate.h"
#include "tensor/normalization.h"
#include "tests/model/golden_decoder.h"

namespace vlm {
namespace {

class SampledGeneration : public ::testing::Test {
 protected:
  SampledGeneration() {
    options_.max_tokens = 10;
    options_.temperature = 1.0;
    options_.seed = 3;
    for (const char* text : {"A cat", "What is on the left?", "3 + 4 =", "猫", "A dog and a cat"}) {
      prompts_.push_back({tokenizer_.encode(text), {}, prompts_.size()});
    }
  }

  std::vector<Generation> run(const std::vector<GenerationPrompt>& prompts,
                              const BatchOptions& batch = {}) {
    return generate(decoder_, tokenizer_, prompts, options_, batch, pool_);
  }

  static std::vector<std::vector<TokenId>> ids_of(const std::vector<Generation>& generations) {
    std::vector<std::vector<TokenId>> ids;
    for (const Generation& generation : generations) ids.push_back(generation.ids);
    return ids;
  }

  ThreadPool pool_{2};
  std::filesystem::path directory_ = std::filesystem::path(VLM_PROJECT_DIR) / "zoo/models/base-lm";
  Tokenizer tokenizer_ = Tokenizer::load(directory_);
  DecoderStorage storage_ = load_decoder_storage(directory_, pool_);
  Decoder decoder_{storage_.config(), storage_.weights()};
  GenerationOptions options_;
  std::vector<GenerationPrompt> prompts_;
};

TEST_F(SampledGeneration, BatchGivesTheSameAsOneByOne) {
  const std::vector<std::vector<TokenId>> expected = ids_of(run(prompts_, {.batch_size = 1}));
  EXPECT_EQ(ids_of(run(prompts_, {.batch_size = 2})), expected);
  EXPECT_EQ(ids_of(run(prompts_, {.batch_size = 16})), expected);
  for (std::size_t i = 0; i < prompts_.size(); ++i) {
    EXPECT_EQ(run({prompts_[i]})[0].ids, expected[i]) << i;
  }
}

TEST_F(SampledGeneration, ThreadsChangeNothing) {
  ThreadPool one(1);
  ThreadPool three(3);
  const BatchOptions batch{.batch_size = 2};
  const auto a = generate(decoder_, tokenizer_, prompts_, options_, batch, one);
  const auto b = generate(decoder_, tokenizer_, prompts_, options_, batch, three);
  for (std::size_t i = 0; i < prompts_.size(); ++i) {
    EXPECT_EQ(a[i].ids, b[i].ids);
    EXPECT_EQ(a[i].score, b[i].score);
  }
}

TEST_F(SampledGeneration, SeedAndStreamChangeTheText) {
  const std::vector<TokenId> first = run({prompts_[0]})[0].ids;
  GenerationPrompt other = prompts_[0];
  other.random_stream = 99;
  EXPECT_NE(run({other})[0].ids, first);
  options_.seed = 4;
  EXPECT_NE(run({prompts_[0]})[0].ids, first);
}

TEST_F(SampledGeneration, OneCandidateIsGreedySearch) {
  options_.temperature = 0.0;
  const auto greedy = run(prompts_);
  options_.temperature = 1.0;
  options_.top_k = 1;
  EXPECT_EQ(ids_of(run(prompts_)), ids_of(greedy));
  options_.top_k = 0;
  options_.temperature = 1e-9;
  EXPECT_EQ(ids_of(run(prompts_)), ids_of(greedy));
}

// First tokens over many streams against the model's own probabilities. The 8 most probable tokens
// and all others together: 8 degrees of freedom, so chi-square exceeds 42.70 with a chance of 1e-6.
TEST_F(SampledGeneration, FirstTokensFollowTheModelsDistribution) {
  constexpr std::size_t kDraws = 600;
  constexpr std::size_t kTop = 8;
  options_.max_tokens = 1;
  const SequenceRun all = run_sequence(decoder_, prompts_[1].ids, pool_);
  const std::span<const float> logits = all.logits.row(all.logits.rows() - 1);
  const double normalizer = log_sum_exp(logits);
  std::vector<std::pair<double, TokenId>> probable;
  for (std::size_t id = 0; id < logits.size(); ++id) {
    probable.emplace_back(std::exp(double{logits[id]} - normalizer), static_cast<TokenId>(id));
  }
  std::ranges::sort(probable, std::greater<>());
  std::vector<GenerationPrompt> prompts(kDraws, prompts_[1]);
  for (std::size_t i = 0; i < kDraws; ++i) prompts[i].random_stream = i;
  std::map<TokenId, double> counts;
  for (const Generation& generation : run(prompts, {.batch_size = 64})) {
    counts[generation.ids.empty() ? -1 : generation.ids[0]] += 1.0;
  }
  double rest = 1.0;
  double rest_count = kDraws;
  double chi_square = 0.0;
  for (std::size_t i = 0; i < kTop; ++i) {
    const auto [probability, id] = probable[i];
    const double expected = kDraws * probability;
    chi_square += (counts[id] - expected) * (counts[id] - expected) / expected;
    rest -= probability;
    rest_count -= counts[id];
  }
  chi_square += (rest_count - kDraws * rest) * (rest_count - kDraws * rest) / (kDraws * rest);
  EXPECT_LT(chi_square, 42.70);
}

TEST_F(SampledGeneration, ScoreIsTheLogProbabilityInTheCutDistribution) {
  options_.top_k = 1;
  EXPECT_EQ(run({prompts_[0]})[0].score, 0.0);  // the only candidate has probability 1
}

TEST_F(SampledGeneration, AnyOfSeveralEndTokensEndsAText) {
  options_.temperature = 0.0;
  const std::vector<TokenId> ids = run({prompts_[1]})[0].ids;
  ASSERT_GE(ids.size(), 4U);
  options_.eos_ids = {ids[3], ids[2]};
  const Generation ended = run({prompts_[1]})[0];
  EXPECT_EQ(ended.finish, FinishReason::kEndToken);
  const auto first = std::ranges::find_first_of(ids, options_.eos_ids);
  EXPECT_EQ(ended.ids, std::vector<TokenId>(ids.begin(), first));
  options_.min_tokens = 8;
  const std::vector<TokenId> postponed = run({prompts_[1]})[0].ids;
  EXPECT_GE(postponed.size(), 8U);
  for (std::size_t i = 0; i < 8; ++i) {
    EXPECT_TRUE(postponed[i] != ids[2] && postponed[i] != ids[3]) << i;
  }
}

// Joins the pieces of each prompt.
struct Listener {
  TextSink sink() {
    return [this](std::size_t prompt, const std::string& piece) {
      const std::scoped_lock lock(mutex);
      texts.at(prompt) += piece;
      ++pieces;
      EXPECT_FALSE(piece.empty());
    };
  }

  std::mutex mutex;
  std::vector<std::string> texts;
  std::size_t pieces = 0;
};

TEST_F(SampledGeneration, PiecesOfATextJoinedAreTheText) {
  for (const double temperature : {0.0, 1.5}) {
    options_.temperature = temperature;
    const auto expected = run(prompts_);
    for (const std::size_t batch_size : {1U, 16U}) {
      Listener listener;
      listener.texts.resize(prompts_.size());
      const auto found = run(prompts_, {.batch_size = batch_size, .on_text = listener.sink()});
      EXPECT_GT(listener.pieces, prompts_.size());
      for (std::size_t i = 0; i < prompts_.size(); ++i) {
        EXPECT_EQ(found[i].text, expected[i].text);
        EXPECT_EQ(listener.texts[i], expected[i].text);
      }
    }
  }
}

TEST_F(SampledGeneration, PiecesEndBeforeAStopText) {
  options_.temperature = 0.0;
  const std::string whole = run({prompts_[0]})[0].text;
  ASSERT_GT(whole.size(), 8U);
  options_.stop = {whole.substr(4, 3)};
  Listener listener;
  listener.texts.resize(1);
  const Generation found = run({prompts_[0]}, {.on_text = listener.sink()})[0];
  EXPECT_EQ(found.finish, FinishReason::kStopText);
  EXPECT_EQ(found.text, whole.substr(0, whole.find(options_.stop[0])));
  EXPECT_EQ(listener.texts[0], found.text);
}

TEST_F(SampledGeneration, BeamSearchGivesItsTextInOnePiece) {
  options_.temperature = 0.0;
  options_.num_beams = 2;
  Listener listener;
  listener.texts.resize(prompts_.size());
  const auto found = run(prompts_, {.on_text = listener.sink()});
  EXPECT_LE(listener.pieces, prompts_.size());
  for (std::size_t i = 0; i < prompts_.size(); ++i) EXPECT_EQ(listener.texts[i], found[i].text);
}

}  // namespace
}  // namespace vlm
