#include "language/batch_engine.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "language/beam_search.h"
#include "language/token_search.h"
#include "tests/language/random_decoder.h"

namespace vlm {
namespace {

using ::testing::ElementsAre;

// Appends token 1 a given number of times and keeps the logits it was shown first.
class CountedSearch : public PromptSearch {
 public:
  CountedSearch(const Decoder& decoder, std::size_t steps)
      : cache_(decoder.make_cache()), steps_left_(steps) {}

  KvCache& cache() override { return cache_; }
  void append_next(std::vector<NextToken>& next) override { next.push_back({&cache_, 1}); }
  void choose(MatrixView<float> logits) override {
    if (first_logits_.empty()) first_logits_.assign(logits.row(0).begin(), logits.row(0).end());
  }
  bool advance() override { return --steps_left_ > 0; }

  [[nodiscard]] const std::vector<float>& first_logits() const { return first_logits_; }

 private:
  KvCache cache_;
  std::size_t steps_left_;
  std::vector<float> first_logits_;
};

std::vector<const GenerationPrompt*> pointers_to(const std::vector<GenerationPrompt>& prompts) {
  std::vector<const GenerationPrompt*> pointers;
  for (const GenerationPrompt& prompt : prompts) pointers.push_back(&prompt);
  return pointers;
}

TEST(RunBatch, APromptStartsWhenAnotherHasEnded) {
  ThreadPool pool(2);
  RandomDecoder random(1, RopeScaling{});
  const std::vector<std::size_t> steps{1, 4, 2, 1};
  const std::vector<GenerationPrompt> prompts{
      {random.ids(3), {}}, {random.ids(2), {}}, {random.ids(5), {}}, {random.ids(1), {}}};
  const auto pointers = pointers_to(prompts);
  std::vector<std::string> events;
  BatchWork work;
  work.batch.prompts = pointers;
  work.batch.at_once = 2;
  work.begin = [&](std::size_t i) {
    events.push_back("begin " + std::to_string(i));
    return std::make_unique<CountedSearch>(random.decoder(), steps[i]);
  };
  work.end = [&](std::size_t i, PromptSearch&) { events.push_back("end " + std::to_string(i)); };
  run_batch(random.decoder(), work, pool);
  EXPECT_THAT(events, ElementsAre("begin 0", "begin 1", "end 0", "begin 2", "end 2", "begin 3",
                                  "end 1", "end 3"));
}

TEST(RunBatch, ASharedPrefixIsReadOnce) {
  ThreadPool pool(1);
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    RandomDecoder random(seed, RopeScaling{});
    const Decoder& decoder = random.decoder();
    Matrix<float> rows(40, decoder.config().hidden_size);
    for (std::size_t r = 0; r < rows.rows(); ++r)
      decoder.embed(random.ids(1), rows.view().rows(r, 1));
    std::vector<TokenId> ids(41, 0);
    const std::vector<GenerationPrompt> prompts{{ids, {{0, rows.view()}}},
                                                {ids, {{0, rows.view()}}}};
    const auto pointers = pointers_to(prompts);
    std::vector<std::vector<float>> logits;
    BatchWork work;
    work.batch.prompts = pointers;
    work.batch.at_once = 2;
    work.begin = [&](std::size_t i) {
      // Who reads the rows again after the first prompt sees others.
      if (i == 1) std::ranges::fill(rows.values(), 1.0F);
      return std::make_unique<CountedSearch>(decoder, 3 - i);
    };
    work.end = [&](std::size_t, PromptSearch& search) {
      logits.push_back(static_cast<CountedSearch&>(search).first_logits());
    };
    run_batch(decoder, work, pool);
    ASSERT_EQ(logits.size(), 2U);
    EXPECT_EQ(logits[0], logits[1]) << seed;
  }
}

// Prompts of which some share long beginnings, in any order.
std::vector<GenerationPrompt> prompts_with_prefixes(RandomDecoder& random) {
  const std::vector<TokenId> example = random.ids(50);
  std::vector<GenerationPrompt> prompts;
  for (std::uint64_t i = 0; i < 9; ++i) {
    std::vector<TokenId> ids(example.begin(), example.begin() + static_cast<std::ptrdiff_t>(i * 6));
    const std::vector<TokenId> question = random.ids(random.between(1, 5));
    ids.insert(ids.end(), question.begin(), question.end());
    prompts.push_back({std::move(ids), {}, i});
  }
  return prompts;
}

TEST(RunBatch, EveryWayOfBatchingGivesTheVeryResultsOfOnePromptAlone) {
  ThreadPool pool(2);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    RandomDecoder random(seed);
    const std::vector<GenerationPrompt> prompts = prompts_with_prefixes(random);
    const auto pointers = pointers_to(prompts);
    for (const double temperature : {0.0, 0.8}) {
      GenerationOptions options;
      options.max_tokens = 6;
      options.eos_ids = random.ids(2);
      options.temperature = temperature;
      const auto run = [&](std::span<const GenerationPrompt* const> some, std::size_t at_once) {
        return token_search(random.decoder(), nullptr, {some, at_once}, options, {}, pool);
      };
      for (const std::size_t at_once : {1U, 2U, 5U, 9U}) {
        const auto together = run(pointers, at_once);
        for (std::size_t i = 0; i < prompts.size(); ++i) {
          const auto alone = run(std::span(pointers).subspan(i, 1), 1);
          EXPECT_EQ(together[i].ids, alone[0].ids) << seed << ": " << random.description();
          EXPECT_EQ(together[i].score, alone[0].score) << seed << ": " << random.description();
        }
      }
    }
  }
}

TEST(RunBatch, BeamsOfSeveralPromptsAreThoseOfEachAlone) {
  ThreadPool pool(2);
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    RandomDecoder random(seed);
    const std::vector<GenerationPrompt> prompts = prompts_with_prefixes(random);
    const auto pointers = pointers_to(prompts);
    GenerationOptions options;
    options.max_tokens = 5;
    options.num_beams = 3;
    options.eos_ids = random.ids(2);
    const auto together = beam_search(random.decoder(), {pointers, 4}, options, pool);
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      const auto one = std::span(pointers).subspan(i, 1);
      const auto alone = beam_search(random.decoder(), {one, 1}, options, pool).front();
      ASSERT_EQ(together[i].size(), alone.size());
      for (std::size_t beam = 0; beam < alone.size(); ++beam) {
        EXPECT_EQ(together[i][beam].ids, alone[beam].ids) << seed;
        EXPECT_EQ(together[i][beam].score, alone[beam].score) << seed;
      }
    }
  }
}

}  // namespace
}  // namespace vlm
