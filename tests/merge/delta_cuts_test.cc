#include "merge/methods/delta_cuts.h"

#include <cmath>

#include <gtest/gtest.h>

#include "tests/merge/run_method.h"

namespace vlm {
namespace {

constexpr std::size_t kSize = 700'001;  // several parts, the last not full

// Cuts of one delta at several places equal those of the search that looks at every element.
void expect_cuts(const Floats& delta, const std::vector<std::size_t>& wanted) {
  const Floats zero(delta.size(), 0.0F);
  const std::vector<Input> inputs{{delta, {}}};
  const TensorMerge task =
      make_task(find_merge_method("ties", "test"), zero, inputs, {}, {delta.size()});
  std::vector<WantedCut> cuts;
  for (const std::size_t k : wanted) cuts.push_back({0, k});
  for (const std::size_t threads : {1U, 2U, 3U}) {
    ThreadPool pool(threads);
    const std::vector<MagnitudeCut> found = find_delta_cuts(task, cuts, pool);
    ASSERT_EQ(found.size(), cuts.size());
    for (std::size_t i = 0; i < cuts.size(); ++i) {
      const MagnitudeCut plain = find_magnitude_cut(delta, {}, wanted[i]);
      EXPECT_EQ(found[i].bits, plain.bits) << wanted[i];
      EXPECT_EQ(found[i].tie_end, plain.tie_end) << wanted[i];
    }
  }
}

const std::vector<std::size_t> kPlaces = {1, 2, 7000, 350'000, 350'001, 699'000, kSize - 1, kSize};

TEST(DeltaCuts, OfManyMagnitudesEqualThePlainSearch) {
  expect_cuts(random_values(kSize, "delta"), kPlaces);
}

TEST(DeltaCuts, OfFewMagnitudesKeepTheFirstOfEquals) {
  Floats delta = random_values(kSize, "delta");
  for (float& each : delta) each = std::round(each * 2);  // as the deltas of fine-tuned bfloat16
  expect_cuts(delta, kPlaces);
  expect_cuts(Floats(kSize, 0.0F), kPlaces);
}

// All that is large stands where the sample's runs are few: the sample has no idea of it.
TEST(DeltaCuts, OfADeltaThatDeceivesTheSampleAreExact) {
  Floats delta(kSize, 0.0F);
  for (std::size_t i = 0; i < kSize; ++i)
    delta[i] = i % 171 < 16 ? 1.0F : 2.0F + static_cast<float>(i % 1000);
  expect_cuts(delta, kPlaces);
  Floats rising(kSize);
  for (std::size_t i = 0; i < kSize; ++i) rising[i] = i < kSize / 2 ? 0.0F : static_cast<float>(i);
  expect_cuts(rising, kPlaces);
}

TEST(DeltaCuts, OfSmallTensorsAndOfSeveralModelsAreTheirOwn) {
  const Floats a = random_values(1000, "a");
  const Floats b = random_values(1000, "b");
  const Floats zero(1000, 0.0F);
  const std::vector<Input> inputs{{a, {}}, {b, {}}};
  const TensorMerge task = make_task(find_merge_method("ties", "test"), zero, inputs, {}, {1000});
  ThreadPool pool(2);
  const std::vector<WantedCut> wanted = {{1, 10}, {0, 500}, {1, 999}};
  const std::vector<MagnitudeCut> found = find_delta_cuts(task, wanted, pool);
  EXPECT_EQ(found[0].bits, find_magnitude_cut(b, {}, 10).bits);
  EXPECT_EQ(found[1].bits, find_magnitude_cut(a, {}, 500).bits);
  EXPECT_EQ(found[2].bits, find_magnitude_cut(b, {}, 999).bits);
}

}  // namespace
}  // namespace vlm
