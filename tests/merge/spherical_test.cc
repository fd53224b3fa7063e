// nuslerp, multislerp, karcher: methods on the sphere.

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/merge/run_method.h"

namespace vlm {
namespace {

class Spherical : public testing::TestWithParam<std::size_t> {
 protected:
  const Floats base_ = random_values(GetParam(), "base");
  const Floats a_ = random_values(GetParam(), "a");
  const Floats b_ = random_values(GetParam(), "b");
};

// One rounding for each factor and each sum: a few units of 2^-24 of values below 5.
constexpr double kTolerance = 2e-6;

TEST_P(Spherical, MergeOfEqualsIsItself) {
  const std::vector<Input> equal{{a_, {{"weight", 0.3}}}, {a_, {{"weight", 0.9}}}};
  for (const Floats& base : {Floats(), base_}) {
    expect_near(run("nuslerp", base, equal), a_, kTolerance);
    expect_near(run("multislerp", base, equal), a_, kTolerance);
  }
  expect_near(run("karcher", {}, equal), a_, kTolerance);
}

TEST_P(Spherical, AWeightOfZeroIsTheOtherModel) {
  const std::vector<Input> first{{a_, {{"weight", 1}}}, {b_, {{"weight", 0}}}};
  const std::vector<Input> second{{a_, {{"weight", 0}}}, {b_, {{"weight", 1}}}};
  for (const Floats& base : {Floats(), base_}) {
    expect_near(run("nuslerp", base, first), a_, kTolerance);
    expect_near(run("nuslerp", base, second), b_, kTolerance);
    expect_near(run("multislerp", base, first), a_, kTolerance);
    expect_near(run("multislerp", base, second), b_, kTolerance);
  }
}

TEST_P(Spherical, DeltasOfZeroGiveTheBase) {
  const std::vector<Input> unchanged(3, Input{base_, {{"weight", 1}}});
  EXPECT_EQ(run("multislerp", base_, unchanged), base_);
  EXPECT_EQ(run("nuslerp", base_, {unchanged[0], unchanged[1]}), base_);
}

INSTANTIATE_TEST_SUITE_P(Sizes, Spherical, testing::Values(1, 64, 99));

// Karcher's mean of two directions halves their arc; so does slerp at 0.5 but for the norms.
TEST(Karcher, OfTwoIsSlerpAtTheMiddleUpToTheNorm) {
  const Floats a = random_values(64, "a");
  const Floats b = random_values(64, "b");
  const Floats mean = run("karcher", {}, {{a, {}}, {b, {}}}, {{"max_iter", 100}, {"tol", 1e-12}});
  double norm_a = 0;
  double norm_b = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    norm_a += double{a[i]} * double{a[i]};
    norm_b += double{b[i]} * double{b[i]};
  }
  const double ratio = std::sqrt(norm_a / norm_b);
  Floats scaled_b = b;
  for (float& each : scaled_b) each = static_cast<float>(each * ratio);
  Floats middle = run("slerp", a, {{scaled_b, {}}}, {{"t", 0.5}});
  for (float& each : middle) each = static_cast<float>(each * (1 + 1 / ratio) / 2);
  expect_near(mean, middle, kTolerance);
}

TEST(Karcher, ZerosHaveNoDirectionButCountInTheMeanNorm) {
  expect_near(run("karcher", {}, {{{3, 4}, {}}, {{0, 0}, {}}}), {1.5F, 2}, kTolerance);
  EXPECT_EQ(run("karcher", {}, {{{0, 0}, {}}, {{0, 0}, {}}}), (Floats{0, 0}));
}

TEST(Nuslerp, OppositeDirectionsGoLinearly) {
  expect_near(run("nuslerp", {}, {{{1, 0}, {{"weight", 3}}}, {{-3, 0}, {{"weight", 1}}}}), {0, 0},
              kTolerance);
}

TEST(Nuslerp, WeightsThatCancelCountAlike) {
  const std::vector<Input> cancelling{{{1, 0}, {{"weight", 1}}}, {{0, 1}, {{"weight", -1}}}};
  const auto half = static_cast<float>(std::sqrt(0.5));
  expect_near(run("nuslerp", {}, cancelling), {half, half}, kTolerance);
}

TEST(Nuslerp, RowsAndColumnsTurnOnTheirOwn) {
  // Rows: (1, 0) to (0, 1), then equal rows. The columns are the same of the transposed matrix.
  const Floats a{1, 0, 2, 2};
  const Floats b{0, 1, 2, 2};
  const auto half = static_cast<float>(std::sqrt(0.5));
  const std::vector<Input> inputs{{a, {{"weight", 1}}}, {b, {{"weight", 1}}}};
  expect_near(run("nuslerp", {}, inputs, {{"nuslerp_flatten", 0}}, {2, 2}), {half, half, 2, 2},
              kTolerance);
  const std::vector<Input> transposed{{{1, 2, 0, 2}, {{"weight", 1}}},
                                      {{0, 2, 1, 2}, {{"weight", 1}}}};
  expect_near(
      run("nuslerp", {}, transposed, {{"nuslerp_flatten", 0}, {"nuslerp_row_wise", 1}}, {2, 2}),
      {half, 2, half, 2}, kTolerance);
}

TEST(Multislerp, WeightsThatSumToZeroAreRefused) {
  const MergeMethod& method = find_merge_method("multislerp", "test");
  const std::vector<Input> cancelling{{{1}, {{"weight", 1}}}, {{1}, {{"weight", -1}}}};
  EXPECT_THAT(method.complaint(make_task(method, {}, cancelling, {})),
              testing::Optional(testing::HasSubstr("sum to 0")));
  const ParameterValues as_they_are{{"normalize_weights", 0}};
  EXPECT_EQ(method.complaint(make_task(method, {}, cancelling, as_they_are)), std::nullopt);
}

}  // namespace
}  // namespace vlm
