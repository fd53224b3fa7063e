#include "language/sampling.h"

#include <cmath>
#include <filesystem>
#include <limits>
#include <numeric>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/json_fields.h"

namespace vlm {
namespace {

using ::testing::ElementsAre;

constexpr float kForbidden = -std::numeric_limits<float>::infinity();

std::vector<double> probabilities(const std::vector<float>& scores) {
  std::vector<double> result;
  for (const float score : scores) result.push_back(std::exp(double{score}));
  const double total = std::accumulate(result.begin(), result.end(), 0.0);
  for (double& value : result) value /= total;
  return result;
}

GenerationOptions sampling(double temperature) {
  GenerationOptions options;
  options.temperature = temperature;
  return options;
}

// Draws of one token each at positions 0, 1, ... of stream 0.
std::vector<std::size_t> count_draws(const GenerationOptions& options,
                                     const std::vector<float>& scores, std::size_t draws) {
  std::vector<std::size_t> counts(scores.size());
  for (std::size_t position = 0; position < draws; ++position) {
    std::vector<float> changed = scores;
    ++counts[static_cast<std::size_t>(sample_token(options, 0, position, changed))];
  }
  return counts;
}

// Pearson's statistic of the counts against probabilities, over the tokens that are possible.
double chi_square(const std::vector<std::size_t>& counts, const std::vector<double>& expected) {
  const auto draws =
      static_cast<double>(std::accumulate(counts.begin(), counts.end(), std::size_t{0}));
  double sum = 0.0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (expected[i] == 0.0) {
      EXPECT_EQ(counts[i], 0U) << "token " << i;
      continue;
    }
    const double difference = static_cast<double>(counts[i]) - draws * expected[i];
    sum += difference * difference / (draws * expected[i]);
  }
  return sum;
}

const std::vector<float> kTen{0.5F, -1.0F, 2.0F, 0.0F, 1.5F, -0.5F, 1.0F, 0.25F, -2.0F, 0.75F};
constexpr std::size_t kDraws = 20000;
// The chi-square distribution with 9 and with 5 degrees of freedom exceeds these with a chance of
// 1e-6; the smallest expected count below is 20000 * 0.005 = 100, so the approximation holds.
constexpr double kBound9 = 44.81;
constexpr double kBound5 = 35.89;

// transformers' probabilities after its warpers, in its order. Both sides round a score of at most
// 16 by half a unit in its last place (2^-21 each, relative in the probability), transformers
// also the softmax of 12 terms: about 16 roundings of 2^-24. Together less than 2^-19.
TEST(SamplingGolden, DistributionsEqualThoseOfTransformers) {
  const Json golden =
      read_json_file(std::filesystem::path(VLM_TEST_DATA) / "language/sampling/warpers.json");
  ASSERT_FALSE(golden.at("cases").empty());
  for (const Json& item : golden.at("cases")) {
    GenerationOptions options = sampling(item.at("temperature").get<double>());
    options.top_k = item.at("top_k").get<std::size_t>();
    options.top_p = item.at("top_p").get<double>();
    options.min_p = item.at("min_p").get<double>();
    auto scores = item.at("scores").get<std::vector<float>>();
    static_cast<void>(sample_token(options, 0, 0, scores));
    const std::vector<double> found = probabilities(scores);
    const auto expected = item.at("probabilities").get<std::vector<double>>();
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t id = 0; id < expected.size(); ++id) {
      EXPECT_NEAR(found[id], expected[id], expected[id] * 0x1p-19) << item << " token " << id;
    }
  }
}

TEST(Sampling, DrawsFollowTheSoftmax) {
  EXPECT_LT(chi_square(count_draws(sampling(1.0), kTen, kDraws), probabilities(kTen)), kBound9);
}

TEST(Sampling, DrawsFollowTheTemperature) {
  for (const double temperature : {0.8, 2.0}) {
    std::vector<float> scaled = kTen;
    for (float& score : scaled) score = static_cast<float>(score / temperature);
    EXPECT_LT(chi_square(count_draws(sampling(temperature), kTen, kDraws), probabilities(scaled)),
              kBound9)
        << temperature;
  }
}

TEST(Sampling, DrawsFollowTheCutDistribution) {
  GenerationOptions options = sampling(1.0);
  options.top_k = 6;
  std::vector<float> kept = kTen;
  for (const std::size_t id : {1U, 3U, 5U, 8U}) kept[id] = kForbidden;
  EXPECT_LT(chi_square(count_draws(options, kTen, kDraws), probabilities(kept)), kBound5);
}

TEST(Sampling, AnotherDistributionIsToldApart) {
  std::vector<float> other = kTen;
  other[4] += 0.2F;  // shows that the bound can be exceeded
  EXPECT_GT(chi_square(count_draws(sampling(1.0), kTen, kDraws), probabilities(other)), kBound9);
}

TEST(Sampling, NumbersDependOnSeedStreamAndPositionAlone) {
  const std::vector<float> flat(1000, 0.0F);
  const auto draw = [&](std::uint64_t seed, std::uint64_t stream, std::size_t position) {
    GenerationOptions options = sampling(1.0);
    options.seed = seed;
    std::vector<float> scores = flat;
    return sample_token(options, stream, position, scores);
  };
  EXPECT_EQ(draw(1, 2, 3), draw(1, 2, 3));
  EXPECT_NE(draw(1, 2, 3), draw(2, 2, 3));
  EXPECT_NE(draw(1, 2, 3), draw(1, 3, 3));
  EXPECT_NE(draw(1, 2, 3), draw(1, 2, 4));
}

TEST(Sampling, TopKKeepsEqualsOfTheLast) {
  std::vector<float> scores{1.0F, 3.0F, 2.0F, 2.0F, 0.0F};
  keep_top_k(scores, 2);
  EXPECT_THAT(scores, ElementsAre(kForbidden, 3.0F, 2.0F, 2.0F, kForbidden));
  std::vector<float> few{1.0F, 2.0F};
  keep_top_k(few, 5);
  keep_top_k(few, 0);
  EXPECT_THAT(few, ElementsAre(1.0F, 2.0F));
}

TEST(Sampling, TopPKeepsTheTokenThatReachesTheSum) {
  const auto log_of = [](double p) { return static_cast<float>(std::log(p)); };
  const std::vector<float> scores{log_of(0.1), log_of(0.5), log_of(0.15), log_of(0.25)};
  const auto kept = [&](double p) {
    std::vector<float> cut = scores;
    keep_top_p(cut, p);
    std::vector<std::size_t> ids;
    for (std::size_t i = 0; i < cut.size(); ++i) {
      if (cut[i] != kForbidden) ids.push_back(i);
    }
    return ids;
  };
  EXPECT_THAT(kept(0.0), ElementsAre(1));
  EXPECT_THAT(kept(0.4), ElementsAre(1));
  EXPECT_THAT(kept(0.6), ElementsAre(1, 3));
  EXPECT_THAT(kept(0.8), ElementsAre(1, 2, 3));
  EXPECT_THAT(kept(1.0), ElementsAre(0, 1, 2, 3));
}

TEST(Sampling, TopPKeepsTheSmallerOfEqualIds) {
  std::vector<float> scores(4, 1.0F);
  keep_top_p(scores, 0.5);
  EXPECT_THAT(scores, ElementsAre(1.0F, 1.0F, kForbidden, kForbidden));
}

TEST(Sampling, MinPKeepsAShareOfTheLargest) {
  std::vector<float> scores{0.0F, -1.0F, -3.0F};
  keep_min_p(scores, 0.2);  // exp(-1) = 0.37, exp(-3) = 0.05
  EXPECT_THAT(scores, ElementsAre(0.0F, -1.0F, kForbidden));
  keep_min_p(scores, 1.0);
  EXPECT_THAT(scores, ElementsAre(0.0F, kForbidden, kForbidden));
}

TEST(Sampling, TinyTemperatureTakesTheBestWithoutOverflow) {
  for (const double temperature : {1e-6, 1e-300, 5e-324}) {
    std::vector<float> scores{80.0F, -90.0F, 81.0F};
    EXPECT_EQ(sample_token(sampling(temperature), 0, 0, scores), 2) << temperature;
    EXPECT_EQ(scores[2], 0.0F);
  }
}

TEST(Sampling, DrawCoversTheWholeInterval) {
  const std::vector<float> scores{kForbidden, 0.0F, kForbidden, 0.0F, kForbidden};
  EXPECT_EQ(draw_token(scores, 0.0), 1);
  EXPECT_EQ(draw_token(scores, 0.49), 1);
  EXPECT_EQ(draw_token(scores, 0.5), 3);
  EXPECT_EQ(draw_token(scores, 1.0), 3);  // where rounding could lead
}

TEST(Sampling, ForbiddenTokensAreNeverDrawn) {
  std::vector<float> scores(50, 0.0F);
  for (std::size_t id = 0; id < scores.size(); id += 2) scores[id] = kForbidden;
  const std::vector<std::size_t> counts = count_draws(sampling(3.0), scores, 2000);
  for (std::size_t id = 0; id < counts.size(); id += 2) EXPECT_EQ(counts[id], 0U);
}

}  // namespace
}  // namespace vlm
