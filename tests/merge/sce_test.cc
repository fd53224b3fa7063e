#include <algorithm>
#include <functional>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "merge/kernels/elementwise.h"
#include "tests/merge/run_method.h"

namespace vlm {
namespace {

class Sce : public testing::TestWithParam<std::size_t> {
 protected:
  const Floats base_ = random_values(GetParam(), "base");
  const Floats a_ = random_values(GetParam(), "a");
};

TEST_P(Sce, EqualModelsAreThemselves) {
  expect_near(run("sce", base_, {{a_, {}}, {a_, {}}}), a_, 2e-6);
  EXPECT_EQ(run("sce", a_, {{a_, {}}, {a_, {}}}), a_);
}

TEST_P(Sce, NothingSelectedIsTheBase) {
  const Floats b = random_values(GetParam(), "b");
  EXPECT_EQ(run("sce", base_, {{a_, {}}, {b, {}}}, {{"select_topk", 0}}), base_);
  // Nothing varies between equal models, so nothing is selected.
  EXPECT_EQ(run("sce", base_, {{a_, {}}, {a_, {}}}, {{"select_topk", 0.5}}), base_);
}

INSTANTIATE_TEST_SUITE_P(Sizes, Sce, testing::Values(1, 64, 99));

TEST(Sce, WeighsByMeanSquareAndErasesTheMinority) {
  // Mean squares 8 and 2: weights 0.8 and 0.2. Signs of the sums: +, +.
  // Element 0: (0.8 * 4 + 0.2 * 2) / 1; element 1: the second model alone votes with the sum.
  expect_near(run("sce", {0, 0}, {{{4, 0}, {}}, {{2, 0}, {}}}), {0.8F * 4 + 0.2F * 2, 0}, 1e-6);
  expect_near(run("sce", {0, 0}, {{{4, 0}, {}}, {{0, 2}, {}}}), {4, 2}, 1e-6);
  expect_near(run("sce", {0, 0}, {{{3, -1}, {}}, {{1, 3}, {}}}), {2, 3}, 1e-6);
}

// Deltas from a base of zeros; what is not selected counts as not moved.
TEST(Sce, SelectsTheEntriesThatVaryMostOfLargeTensorsToo) {
  for (const std::size_t size : {7U, 5000U, 300'000U}) {
    std::vector<Input> inputs;
    for (const char* const name : {"a", "b", "c"})
      inputs.push_back({random_values(size, name), {}});
    for (std::size_t i = 0; i < size; i += 3) {
      for (Input& input : inputs) input.values[i] = 0.5F;  // does not vary
    }
    Floats variances(size);
    population_variance({inputs[0].values, inputs[1].values, inputs[2].values}, variances);
    const auto still = static_cast<std::size_t>(std::ranges::count(variances, 0.0F));
    const auto k = static_cast<std::size_t>(0.3 * static_cast<double>(size - still));
    std::vector<std::size_t> order(size);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, std::greater<>(), [&](std::size_t i) { return variances[i]; });
    std::vector<Input> selected = inputs;
    for (std::size_t place = k; place < size; ++place) {
      for (Input& input : selected) input.values[order[place]] = 0;
    }
    const Floats base(size, 0.0F);
    EXPECT_EQ(run("sce", base, inputs, {{"select_topk", 0.3}}), run("sce", base, selected)) << size;
  }
}

TEST(Sce, SmallDeltasAreWeighedLikeLargeOnes) {
  const Floats base{0, 0};
  const std::vector<Input> inputs{{{2e-4F, 0}, {}}, {{1e-4F, 0}, {}}};
  expect_near(run("sce", base, inputs), {1.8e-4F, 0}, 1e-9);
  const MergeMethod& method = find_merge_method("sce", "test");
  TensorMerge task = make_task(method, base, inputs, {});
  task.imitates_mergekit = true;
  Floats out(2);
  ThreadPool alone(1);
  StartedMerge(method.start, task, alone).read(0, out);
  expect_near(out, {1.5e-4F, 0}, 1e-9);
}

}  // namespace
}  // namespace vlm
