#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/merge/run_method.h"

namespace vlm {
namespace {

class Nearswap : public testing::TestWithParam<std::size_t> {
 protected:
  const Floats base_ = random_values(GetParam(), "base");
  const Floats a_ = random_values(GetParam(), "a");
};

TEST_P(Nearswap, EndsAtBothModels) {
  EXPECT_EQ(run("nearswap", base_, {{a_, {}}}, {{"t", 0}}), base_);
  EXPECT_EQ(run("nearswap", base_, {{a_, {}}}, {{"t", 100}}), a_);
  EXPECT_EQ(run("nearswap", a_, {{a_, {}}}, {{"t", 0.1}}), a_);
}

INSTANTIATE_TEST_SUITE_P(Sizes, Nearswap, testing::Values(1, 64, 99));

TEST(Nearswap, MovesByTAtMost) {
  expect_near(run("nearswap", {0, 0, 0}, {{{0.25F, 2, -4}, {}}}, {{"t", 0.5}}),
              {0.25F, 0.5F, -0.5F}, 1e-6);
}

}  // namespace
}  // namespace vlm
