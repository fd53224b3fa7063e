#include "merge/delta_gram.h"

#include <array>
#include <cmath>
#include <span>
#include <vector>

#include <gtest/gtest.h>

namespace vlm {
namespace {

DeltaGram gram_of(const std::vector<std::vector<double>>& vectors) {
  DeltaGram gram(vectors.size());
  const std::vector<std::span<const double>> spans(vectors.begin(), vectors.end());
  gram.append(spans);
  return gram;
}

TEST(DeltaGram, ProductsAndSumsByHand) {
  const DeltaGram gram = gram_of({{1, 2, 3}, {0, -1, 4}});
  EXPECT_EQ(gram.num_elements(), 3U);
  EXPECT_EQ(gram.sum(0), 6);
  EXPECT_EQ(gram.sum(1), 3);
  EXPECT_EQ(gram.product(0, 0), 14);
  EXPECT_EQ(gram.product(0, 1), 10);
  EXPECT_EQ(gram.product(1, 0), 10);
  EXPECT_EQ(gram.product(1, 1), 17);
}

TEST(DeltaGram, PartsAddUpToTheWhole) {
  DeltaGram parts = gram_of({{1, 2}, {0, -1}});
  parts.append(gram_of({{3}, {4}}));
  EXPECT_EQ(parts.num_elements(), 3U);
  EXPECT_EQ(parts.product(0, 1), 10);
  EXPECT_EQ(parts.sum(1), 3);
}

// More elements than the eight sums that run side by side, and a rest.
TEST(DeltaGram, EveryElementCountsOnce) {
  for (const std::size_t count : {0U, 1U, 7U, 8U, 9U, 31U}) {
    const DeltaGram gram = gram_of({std::vector<double>(count, 2.0)});
    EXPECT_EQ(gram.sum(0), 2.0 * static_cast<double>(count));
    EXPECT_EQ(gram.product(0, 0), 4.0 * static_cast<double>(count));
  }
}

TEST(DeltaGram, CombinationsFollowFromTheParts) {
  const DeltaGram combined = gram_of({{1, 2, 3}, {0, -1, 4}}).combined({{1, 0}, {2, -1}});
  const DeltaGram wanted = gram_of({{1, 2, 3}, {2, 5, 2}});
  EXPECT_EQ(combined.num_elements(), 3U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(combined.sum(i), wanted.sum(i));
    for (std::size_t j = 0; j < 2; ++j) EXPECT_EQ(combined.product(i, j), wanted.product(i, j));
  }
}

TEST(Similarity, OfOppositeVectorsKeepsItsSign) {
  const Similarity found = similarity(gram_of({{1, -2, 3, 1}, {-2, 4, -6, -2}}), 0, 1);
  EXPECT_DOUBLE_EQ(found.cosine.value(), -1);
  EXPECT_DOUBLE_EQ(found.pcc.value(), -1);
  EXPECT_DOUBLE_EQ(found.norm_ratio.value(), 0.5);
  EXPECT_DOUBLE_EQ(found.euclid, std::sqrt(9.0 * 15));
}

TEST(Similarity, OfAZeroVectorIsUndefinedButForTheDistance) {
  const Similarity found = similarity(gram_of({{3, 4}, {0, 0}}), 0, 1);
  EXPECT_FALSE(found.pcc.has_value());
  EXPECT_FALSE(found.cosine.has_value());
  EXPECT_FALSE(found.norm_ratio.has_value());
  EXPECT_EQ(found.euclid, 5);
  EXPECT_EQ(similarity(gram_of({{3, 4}, {0, 0}}), 1, 0).norm_ratio, 0);
}

// 0.1 is no binary number: the variance is a small rounding error, not 0.
TEST(Similarity, CorrelationWithAConstantIsUndefined) {
  const std::vector<double> constant(1000, 0.1);
  std::vector<double> ramp(1000);
  for (std::size_t i = 0; i < ramp.size(); ++i) ramp[i] = static_cast<double>(i);
  const Similarity found = similarity(gram_of({constant, ramp}), 0, 1);
  EXPECT_FALSE(found.pcc.has_value());
  EXPECT_TRUE(found.cosine.has_value());
}

TEST(Similarity, OfEqualVectorsIsOneAtDistanceZero) {
  const Similarity found = similarity(gram_of({{0.1, 0.7, -0.3}, {0.1, 0.7, -0.3}}), 0, 1);
  EXPECT_DOUBLE_EQ(found.cosine.value(), 1);
  EXPECT_EQ(found.euclid, 0);
}

}  // namespace
}  // namespace vlm
