// Every method on single tensors: identities, and mergekit's results on 2 x 4 matrices.

#include "merge/method.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/json_fields.h"
#include "tests/merge/run_method.h"

namespace vlm {
namespace {

TEST(MergeMethods, EqualMergekitOnSmallMatrices) {
  const Json golden =
      read_json_file(std::filesystem::path(VLM_TEST_DATA) / "merge/small_vectors.json");
  std::size_t cases = 0;
  for (const Json& entry : golden.at("cases")) {
    const std::string method = entry.at("method");
    const bool has_base = !entry.at("base").is_null();
    Floats base;
    const Json& matrices = golden.at("matrices");
    if (has_base) base = flatten(matrices.at(entry.at("base").get<std::string>()));
    std::vector<Input> inputs;
    for (const std::string name : entry.at("models")) {
      if (has_base && name == entry.at("base")) continue;
      inputs.push_back({flatten(matrices.at(name)), {}});
    }
    ParameterValues global;
    for (const auto& [name, value] : entry.at("parameters").items()) {
      if (!value.is_array()) {
        global[name] = value.is_boolean() ? (value.get<bool>() ? 1.0 : 0.0) : value.get<double>();
        continue;
      }
      for (std::size_t i = 0; i < inputs.size(); ++i) inputs[i].parameters[name] = value[i];
    }
    SCOPED_TRACE(entry.dump());
    expect_near(run(method, base, inputs, global, shape_of(entry.at("expected"))),
                flatten(entry.at("expected")), 1e-6);
    ++cases;
  }
  EXPECT_EQ(cases, golden.at("cases").size());
  EXPECT_GE(cases, 29U);
}

constexpr std::array<const char*, 8> kTaskVectorMethods = {
    "task_arithmetic", "ties",  "dare_linear",  "dare_ties",
    "breadcrumbs",     "della", "della_linear", "breadcrumbs_ties"};

class MethodIdentities : public testing::TestWithParam<std::size_t> {
 protected:
  const Floats base_ = random_values(GetParam(), "base");
  const Floats a_ = random_values(GetParam(), "a");
  const Floats b_ = random_values(GetParam(), "b");
};

TEST_P(MethodIdentities, MergeOfEqualsIsItself) {
  expect_near(run("linear", {}, {{a_, {{"weight", 0.3}}}, {a_, {{"weight", 0.9}}}}), a_, 1e-6);
  expect_near(run("slerp", a_, {{a_, {}}}, {{"t", 0.4}}), a_, 1e-6);
  EXPECT_EQ(run("passthrough", {}, {{a_, {}}}), a_);
  for (const char* const method : kTaskVectorMethods) {
    EXPECT_EQ(run(method, a_, {{a_, {{"weight", 0.3}}}, {a_, {{"weight", 0.7}}}}), a_) << method;
  }
}

TEST_P(MethodIdentities, WeightOneOfOneModelIsThatModelAndWeightZeroTheBase) {
  for (const char* const method : kTaskVectorMethods) {
    const ParameterValues whole{{"weight", 1}, {"gamma", 0}};
    expect_near(run(method, base_, {{a_, whole}}), a_, 1e-6);
    EXPECT_EQ(run(method, base_, {{a_, {{"weight", 0}}}}), base_) << method;
  }
  EXPECT_EQ(run("linear", {}, {{a_, {{"weight", 1}}}, {b_, {{"weight", 0}}}}), a_);
}

TEST_P(MethodIdentities, SlerpEndsAtBothModels) {
  expect_near(run("slerp", a_, {{b_, {}}}, {{"t", 0}}), a_, 1e-6);
  expect_near(run("slerp", a_, {{b_, {}}}, {{"t", 1}}), b_, 1e-6);
}

TEST_P(MethodIdentities, TiesWithoutTrimAndConflictIsTheMean) {
  Floats up = base_;
  Floats more = base_;
  Floats mean = base_;
  for (std::size_t i = 0; i < base_.size(); ++i) {
    up[i] += 1;
    more[i] += 3;
    mean[i] += 2;
  }
  expect_near(run("ties", base_, {{up, {{"weight", 1}}}, {more, {{"weight", 1}}}}), mean, 1e-5);
}

TEST_P(MethodIdentities, DensityZeroIsTheBase) {
  for (const char* const method : {"ties", "dare_linear", "dare_ties", "breadcrumbs",
                                   "breadcrumbs_ties", "della", "della_linear"}) {
    EXPECT_EQ(run(method, base_, {{a_, {{"weight", 1}, {"density", 0}}}}), base_) << method;
  }
}

TEST_P(MethodIdentities, TiesKeepsTheExactNumberOfEntries) {
  for (const double density : {1e-9, 0.2, 0.5, 0.999}) {
    const Floats merged = run("ties", base_, {{a_, {{"weight", 1}, {"density", density}}}});
    std::size_t changed = 0;
    for (std::size_t i = 0; i < merged.size(); ++i) changed += merged[i] != base_[i] ? 1 : 0;
    const auto k = static_cast<std::size_t>(density * static_cast<double>(base_.size()));
    EXPECT_EQ(changed, std::max<std::size_t>(k, 1));
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, MethodIdentities, testing::Values(1, 64, 99, 5000));

TEST(Slerp, CollinearFallsBackToLerp) {
  EXPECT_EQ(run("slerp", {1, 0}, {{{3, 0}, {}}}, {{"t", 0.5}}), (Floats{2, 0}));
  EXPECT_EQ(run("slerp", {1, 0}, {{{-3, 0}, {}}}, {{"t", 0.25}}), (Floats{0, 0}));
}

TEST(Slerp, BlendsNormsAtARightAngle) {
  expect_near(run("slerp", {1, 0}, {{{0, 2}, {}}}, {{"t", 0.25}}), {0.923880F, 0.765367F}, 1e-6);
}

TEST(Slerp, ZeroVectorsAreSafe) {
  EXPECT_EQ(run("slerp", {0, 0}, {{{0, 0}, {}}}, {{"t", 0.3}}), (Floats{0, 0}));
}

TEST(Ties, EqualMagnitudesKeepTheLowestIndex) {
  EXPECT_EQ(run("ties", {0, 0, 0, 0}, {{{1, -1, 1, -1}, {{"weight", 1}, {"density", 0.5}}}}),
            (Floats{1, -1, 0, 0}));
}

TEST(Ties, OppositeSumCountsAsPositive) {
  EXPECT_EQ(run("ties", {0}, {{{1}, {{"weight", 1}}}, {{-1}, {{"weight", 1}}}}), Floats{1});
}

TEST(Ties, RescaleKeepsTheL1Norm) {
  EXPECT_EQ(run("ties", {0, 0, 0, 0}, {{{4, -3, 1, 0}, {{"weight", 1}, {"density", 0.25}}}},
                {{"rescale", 1}}),
            (Floats{8, 0, 0, 0}));
}

TEST(TaskArithmetic, CancellingWeightsAreNotNormalised) {
  EXPECT_EQ(run("task_arithmetic", {1}, {{{3}, {{"weight", 1}}}, {{2}, {{"weight", -1}}}},
                {{"normalize", 1}}),
            Floats{2});
}

TEST(Linear, WeightsThatSumToZeroAreRefused) {
  const MergeMethod& linear = find_merge_method("linear", "test");
  TensorMerge task;
  task.models = {{0, {}, {{"weight", 1}}, nullptr}, {1, {}, {{"weight", -1}}, nullptr}};
  task.parameters = {{"normalize", 1}};
  EXPECT_THAT(linear.complaint(task), testing::Optional(testing::HasSubstr("sum to 0")));
  task.parameters = {{"normalize", 0}};
  EXPECT_EQ(linear.complaint(task), std::nullopt);
}

TEST(MergeMethods, UnknownNameGetsAHint) {
  EXPECT_THAT([] { find_merge_method("tise", "r.yaml"); },
              testing::ThrowsMessage<Error>(testing::HasSubstr("did you mean 'ties'?")));
}

}  // namespace
}  // namespace vlm
