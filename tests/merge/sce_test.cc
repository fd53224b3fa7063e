#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

TEST(Sce, SmallDeltasAreWeighedLikeLargeOnes) {
  const Floats base{0, 0};
  const std::vector<Input> inputs{{{2e-4F, 0}, {}}, {{1e-4F, 0}, {}}};
  expect_near(run("sce", base, inputs), {1.8e-4F, 0}, 1e-9);
  const MergeMethod& method = find_merge_method("sce", "test");
  TensorMerge task = make_task(method, base, inputs, {});
  task.imitates_mergekit = true;
  Floats out(2);
  ThreadPool alone(1);
  merge_tensor(method.start, task, alone, out);
  expect_near(out, {1.5e-4F, 0}, 1e-9);
}

}  // namespace
}  // namespace vlm
