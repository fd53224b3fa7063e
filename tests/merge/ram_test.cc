#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/merge/run_method.h"

namespace vlm {
namespace {

class Ram : public testing::TestWithParam<std::size_t> {
 protected:
  const Floats base_ = random_values(GetParam(), "base");
  const Floats a_ = random_values(GetParam(), "a");
};

TEST_P(Ram, EqualModelsAreThemselves) {
  for (const char* const method : {"ram", "ramplus_tl"}) {
    expect_near(run(method, base_, {{a_, {}}, {a_, {}}}, {{"epsilon", 0}}), a_, 2e-6);
    EXPECT_EQ(run(method, a_, {{a_, {}}, {a_, {}}}), a_);
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, Ram, testing::Values(1, 64, 99, 5000));

TEST(Ram, SharedChangesAreAveragedUniqueOnesAreNot) {
  EXPECT_EQ(
      run("ram", {0, 0, 0, 0}, {{{4, 3, 0.5F, 0}, {}}, {{2, 0, 0, -1}, {}}}, {{"epsilon", 0.5}}),
      (Floats{3, 3, 0, -1}));
}

TEST(RamPlus, AmplifiesUniqueChangesByTheShareOfSharedOnes) {
  // Model 1: 1 shared, 2 unique: rho 0.5, factor 1.05. Model 2: 1 shared, none unique.
  expect_near(run("ramplus_tl", {0, 0, 0}, {{{4, 3, 1}, {}}, {{2, 0, 0}, {}}}, {{"alpha", 0.8}}),
              {3, 3.15F, 1.05F}, 1e-6);
  expect_near(run("ramplus_tl", {0, 0, 0}, {{{4, 3, 1}, {}}, {{2, 0, 0}, {}}}, {{"alpha", 0.2}}),
              {3, 3.06F, 1.02F}, 1e-6);
}

}  // namespace
}  // namespace vlm
