// wudi, tsv_m, iso_c: methods that decompose task vectors.

#include <cmath>
#include <filesystem>
#include <limits>

#include <gtest/gtest.h>

#include "tests/merge/run_method.h"

namespace vlm {
namespace {

// Task vectors, the merged delta and its shape, of one case of a golden file.
struct Case {
  std::vector<Input> inputs;  // over a base of zeros
  Floats merged;
  Shape shape;
};

std::vector<Case> cases(const char* file, const char* method = nullptr) {
  std::vector<Case> all;
  const Json golden = read_json_file(std::filesystem::path(VLM_TEST_DATA) / "merge/methods" / file);
  for (const Json& each : golden.at("cases")) {
    if (method != nullptr && each.at("method") != method) continue;
    Case made{{}, flatten(each.at("merged")), shape_of(each.at("merged"))};
    for (const Json& vector : each.at("task_vectors")) made.inputs.push_back({flatten(vector), {}});
    all.push_back(std::move(made));
  }
  return all;
}

// Inputs and results are rounded to float32 and below 8; the decomposition of the reference inputs
// has condition numbers below 100: 100 * 8 * 2^-24.
constexpr double kTolerance = 5e-5;

TEST(Wudi, EqualsTheReference) {
  const std::vector<Case> golden = cases("wudi.json");
  EXPECT_EQ(golden.size(), 4U);
  for (const Case& each : golden) {
    const Floats zeros(each.merged.size(), 0);
    expect_near(run("wudi", zeros, each.inputs, {}, each.shape), each.merged, kTolerance);
  }
}

TEST(TsvM, EqualsTheReference) {
  const std::vector<Case> golden = cases("spectral.json", "tsv_m");
  EXPECT_EQ(golden.size(), 3U);
  for (const Case& each : golden) {
    const Floats zeros(each.merged.size(), 0);
    expect_near(run("tsv_m", zeros, each.inputs, {}, each.shape), each.merged, kTolerance);
  }
}

TEST(IsoC, EqualsTheReference) {
  const std::vector<Case> golden = cases("spectral.json", "iso_c");
  EXPECT_EQ(golden.size(), 3U);
  for (const Case& each : golden) {
    const Floats zeros(each.merged.size(), 0);
    expect_near(run("iso_c", zeros, each.inputs, {}, each.shape), each.merged, kTolerance);
  }
}

TEST(MatrixMethods, OneModelIsThatModel) {
  for (const Shape& shape : {Shape{1, 1}, Shape{8, 8}, Shape{9, 11}, Shape{11, 9}}) {
    const Floats base = random_values(shape[0] * shape[1], "base");
    const Floats a = random_values(shape[0] * shape[1], "a");
    expect_near(run("wudi", base, {{a, {}}}, {}, shape), a, kTolerance);
    expect_near(run("tsv_m", base, {{a, {}}}, {}, shape), a, kTolerance);
  }
}

TEST(MatrixMethods, DeltasOfZeroGiveTheBase) {
  const Floats base = random_values(99, "base");
  for (const char* const method : {"wudi", "tsv_m", "iso_c"}) {
    EXPECT_EQ(run(method, base, {{base, {}}, {base, {}}}, {}, {9, 11}), base) << method;
  }
}

TEST(MatrixMethods, WhatIsNotFiniteIsNotHidden) {
  const Floats base = random_values(99, "base");
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Floats a = random_values(99, "a");
    a[50] = bad;
    for (const char* const method : {"wudi", "tsv_m", "iso_c"}) {
      const Floats merged = run(method, base, {{a, {}}, {base, {}}}, {}, {9, 11});
      EXPECT_FALSE(std::isfinite(merged[50])) << method;
    }
  }
}

TEST(MatrixMethods, VectorsTakeTheMeanDelta) {
  for (const char* const method : {"wudi", "tsv_m", "iso_c"}) {
    expect_near(run(method, {1, 1}, {{{3, 1}, {}}, {{1, 5}, {}}}, {{"lambda", 1}}), {2, 3}, 1e-6);
  }
}

// A rotation times 2 has all singular values at 2 already.
TEST(IsoC, KeepsAnEvenSpectrum) {
  const Floats turn{0, 2, -2, 0};
  expect_near(run("iso_c", {0, 0, 0, 0}, {{turn, {}}}, {{"lambda", 1}}, {2, 2}), turn, 1e-6);
}

}  // namespace
}  // namespace vlm
