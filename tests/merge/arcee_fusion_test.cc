#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/merge/run_method.h"

namespace vlm {
namespace {

class ArceeFusion : public testing::TestWithParam<std::size_t> {};

TEST_P(ArceeFusion, OfEqualModelsIsThatModel) {
  const Floats a = random_values(GetParam(), "a");
  EXPECT_EQ(run("arcee_fusion", a, {{a, {}}}), a);
}

TEST_P(ArceeFusion, EachEntryIsOneOfTheModels) {
  const Floats base = random_values(GetParam(), "base");
  const Floats a = random_values(GetParam(), "a");
  const Floats merged = run("arcee_fusion", base, {{a, {}}});
  for (std::size_t i = 0; i < merged.size(); ++i) {
    EXPECT_TRUE(merged[i] == a[i] || merged[i] == base[i]) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, ArceeFusion, testing::Values(1, 64, 99));

TEST(ArceeFusion, TakesOverWhatStandsOut) {
  // One row, so importance goes by the difference alone.
  const Floats base{0, 0, 0, 0, 0, 0, 0, 0};
  const Floats a{1, 0, 0, 0, 0, 0, 0, 9};
  EXPECT_EQ(run("arcee_fusion", base, {{a, {}}}), a) << "threshold 0";
  const Floats spread{0.25F, 0.5F, 0.75F, 1, 1.25F, 1.5F, 1.75F, 9};
  EXPECT_EQ(run("arcee_fusion", base, {{spread, {}}}), (Floats{0, 0, 0, 0, 0, 0, 0, 9}));
}

}  // namespace
}  // namespace vlm
