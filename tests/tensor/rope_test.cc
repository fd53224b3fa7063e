#include "tensor/rope.h"

#include <cmath>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vlm {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatEq;

TEST(Rope, FrequenciesArePowersOfTheta) {
  EXPECT_THAT(rope_inverse_frequencies(10000.0, 4), ElementsAre(1.0F, FloatEq(0.01F)));
}

TEST(Rope, PositionZeroRotatesNothing) {
  const std::vector<float> frequencies = rope_inverse_frequencies(10000.0, 4);
  std::vector<float> cosines(2);
  std::vector<float> sines(2);
  rope_angles(0, frequencies, cosines, sines);
  std::vector<float> head{1.0F, 2.0F, 3.0F, 4.0F};
  rotate_half(head, cosines, sines);
  EXPECT_THAT(head, ElementsAre(1.0F, 2.0F, 3.0F, 4.0F));
}

TEST(Rope, PairsAreHalvesNotNeighbours) {
  std::vector<float> head{1.0F, 2.0F, 3.0F, 4.0F};
  const std::vector<float> cosines{0.0F, 1.0F};  // the first pair turns by 90 degrees
  const std::vector<float> sines{1.0F, 0.0F};
  rotate_half(head, cosines, sines);
  EXPECT_THAT(head, ElementsAre(-3.0F, 2.0F, 1.0F, 4.0F));
}

TEST(Rope, AnglesAreExactToFloatAtFarPositions) {
  const std::vector<float> frequencies{1.0F, 0.1F};
  std::vector<float> cosines(2);
  std::vector<float> sines(2);
  rope_angles(4000, frequencies, cosines, sines);
  EXPECT_FLOAT_EQ(cosines[0], static_cast<float>(std::cos(4000.0)));
  EXPECT_FLOAT_EQ(sines[1], static_cast<float>(std::sin(double{4000.0F * 0.1F})));
}

}  // namespace
}  // namespace vlm
