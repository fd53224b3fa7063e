#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/merge/run_method.h"

namespace vlm {
namespace {

class ModelStock : public testing::TestWithParam<std::size_t> {};

TEST_P(ModelStock, EqualModelsAreThemselves) {
  const Floats base = random_values(GetParam(), "base");
  const Floats a = random_values(GetParam(), "a");
  expect_near(run("model_stock", base, {{a, {}}, {a, {}}, {a, {}}}), a, 2e-6);
}

INSTANTIATE_TEST_SUITE_P(Sizes, ModelStock, testing::Values(1, 64, 99));

TEST(ModelStock, OrthogonalDeltasGiveTheBase) {
  const Floats base{5, 5};
  EXPECT_EQ(run("model_stock", base, {{{6, 5}, {}}, {{5, 7}, {}}}), base);
}

TEST(ModelStock, FollowsTheCosine) {
  // cos = 0.6, t = 2 * 0.6 / 1.6 = 0.75, mean delta (0.8, 0.4).
  expect_near(run("model_stock", {0, 0}, {{{1, 0}, {}}, {{0.6F, 0.8F}, {}}}), {0.6F, 0.3F}, 1e-6);
}

TEST(ModelStock, OppositeDeltasGiveTheBase) {
  // cos = -1 is the pole of t.
  EXPECT_EQ(run("model_stock", {5, 5}, {{{6, 5}, {}}, {{4, 5}, {}}}), (Floats{5, 5}));
}

TEST(ModelStock, FilterWiseIsByRow) {
  const Floats a{1, 0, 1, 1};
  const Floats b{0, 1, 1, 1};
  expect_near(run("model_stock", {0, 0, 0, 0}, {{a, {}}, {b, {}}}, {{"filter_wise", 1}}, {2, 2}),
              {0, 0, 1, 1}, 1e-6);
}

}  // namespace
}  // namespace vlm
