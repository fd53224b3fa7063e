#include "tensor/normalization.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tensor/matrix.h"

namespace vlm {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::FloatNear;

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

TEST(RmsNorm, DividesByTheRootMeanSquareAndScales) {
  std::vector<float> x{3.0F, 4.0F};  // mean square 12.5
  const std::vector<float> weight{1.0F, 2.0F};
  const MatrixView<float> view(std::span<float>(x), 1, 2);
  rms_norm(view, weight, 0.0F, view);
  EXPECT_THAT(x, ElementsAre(FloatEq(3.0F / std::sqrt(12.5F)), FloatEq(8.0F / std::sqrt(12.5F))));
}

TEST(RmsNorm, EpsilonKeepsAZeroRowFinite) {
  std::vector<float> x{0.0F, 0.0F};
  const std::vector<float> weight{1.0F, 1.0F};
  const MatrixView<float> view(std::span<float>(x), 1, 2);
  rms_norm(view, weight, 1e-5F, view);
  EXPECT_THAT(x, ElementsAre(0.0F, 0.0F));
}

TEST(LayerNorm, CentresScalesAndShifts) {
  std::vector<float> x{1.0F, 3.0F};  // mean 2, variance 1
  const std::vector<float> scale{2.0F, 2.0F};
  const std::vector<float> bias{10.0F, 20.0F};
  const MatrixView<float> view(std::span<float>(x), 1, 2);
  layer_norm(view, {scale, bias}, 0.0F, view);
  EXPECT_THAT(x, ElementsAre(8.0F, 22.0F));
}

TEST(Softmax, SumsToOneAndKeepsRatios) {
  std::vector<float> x{0.0F, std::log(3.0F)};
  softmax(x);
  EXPECT_THAT(x, ElementsAre(FloatNear(0.25F, 1e-6F), FloatNear(0.75F, 1e-6F)));
}

TEST(Softmax, ForbiddenEntriesGetZeroAndLargeOnesDoNotOverflow) {
  std::vector<float> x{kMinusInfinity, 1000.0F, 1000.0F};
  softmax(x);
  EXPECT_THAT(x, ElementsAre(0.0F, 0.5F, 0.5F));
}

TEST(Softmax, AllForbiddenBecomesZero) {
  std::vector<float> x{kMinusInfinity, kMinusInfinity};
  softmax(x);
  EXPECT_THAT(x, ElementsAre(0.0F, 0.0F));
  softmax(std::span<float>());
}

TEST(LogSumExp, IsExactForSimpleSumsAndEnds) {
  EXPECT_NEAR(log_sum_exp(std::vector<float>{0.0F, 0.0F, 0.0F}), std::log(3.0), 1e-7);
  EXPECT_NEAR(log_sum_exp(std::vector<float>{1000.0F, 1000.0F}), 1000.0 + std::log(2.0), 1e-6);
  EXPECT_EQ(log_sum_exp(std::vector<float>{kMinusInfinity}), kMinusInfinity);
  EXPECT_EQ(log_sum_exp({}), kMinusInfinity);
}

}  // namespace
}  // namespace vlm
