// DiM3 against a float64 reference.

#include <cmath>
#include <filesystem>

#include <gtest/gtest.h>

#include "merge/input_tensors.h"
#include "tests/merge/run_method.h"

namespace vlm {
namespace {

Floats run_case(const Json& golden) {
  const std::string kind = golden.at("kind");
  const Floats base = flatten(golden.at("base"));
  const std::vector<Input> inputs{{flatten(golden.at("vision_language_model")), {}},
                                  {flatten(golden.at("multilingual_model")), {}}};
  const MergeMethod& method = find_merge_method("dim3", "test");
  TensorMerge task = make_task(method, base, inputs, {}, shape_of(golden.at("base")));
  if (kind.starts_with("embedding")) task.name = kEmbedName;
  Floats out(base.size());
  ThreadPool alone(1);
  StartedMerge(method.start, task, alone).read(0, out);
  return out;
}

TEST(Dim3, EqualsTheReference) {
  const Json golden =
      read_json_file(std::filesystem::path(VLM_TEST_DATA) / "merge/methods/dim3.json");
  std::size_t compared = 0;
  for (const Json& each : golden.at("cases")) {
    SCOPED_TRACE(each.at("kind").get<std::string>());
    const Floats merged = run_case(each);
    for (const float value : merged) EXPECT_TRUE(std::isfinite(value));
    if (!each.contains("merged")) continue;
    // Inputs and result rounded to float32: a few units of 2^-24 of values below 4.
    expect_near(merged, flatten(each.at("merged")), 1e-6);
    ++compared;
  }
  EXPECT_EQ(compared, 3U);
}

TEST(Dim3, ModelsEqualToTheBaseGiveTheBase) {
  for (const std::size_t size : {1U, 64U, 99U}) {
    const Floats base = random_values(size, "base");
    EXPECT_EQ(run("dim3", base, {{base, {}}, {base, {}}}), base);
    EXPECT_EQ(run("dim3", base, {{base, {}}, {base, {}}}, {}, {1, size}), base);
    EXPECT_EQ(run("dim3", base, {{base, {}}, {base, {}}}, {}, {size, 1}), base);
  }
}

TEST(Dim3, WeightZeroTakesNothing) {
  const Floats base = random_values(99, "base");
  const Floats a = random_values(99, "a");
  EXPECT_EQ(run("dim3", base, {{a, {{"weight", 0}}}, {a, {{"weight", 0}}}}, {}, {9, 11}), base);
}

// One model alone: the softmax is 1 everywhere, so all of its delta counts.
TEST(Dim3, OfOneModelIsThatModel) {
  const Floats base = random_values(99, "base");
  const Floats a = random_values(99, "a");
  expect_near(run("dim3", base, {{a, {}}}, {}, {9, 11}), a, 1e-6);
}

// Then each column of the other's delta counts with one score, which is none of nothing or all.
TEST(Dim3, AMultilingualModelThatIsTheBaseAddsNothing) {
  const Floats base = random_values(99, "base");
  const Floats a = random_values(99, "a");
  const Floats merged = run("dim3", base, {{a, {}}, {base, {}}}, {}, {9, 11});
  for (std::size_t column = 0; column < 11; ++column) {
    const float score = (merged[column] - base[column]) / (a[column] - base[column]);
    EXPECT_GT(score, 0.0F);
    EXPECT_LE(score, 1.0F);
    for (std::size_t i = column; i < base.size(); i += 11) {
      EXPECT_NEAR(merged[i], base[i] + score * (a[i] - base[i]), 1e-5);
    }
  }
}

}  // namespace
}  // namespace vlm
