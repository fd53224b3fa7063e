// The sums in one pass equal those of one step after the other, bit for bit, for float32 and
// bfloat16, with every instruction set.

#include "merge/kernels/weighted_sums.h"

#include <algorithm>
#include <vector>

#include "merge/kernels/elementwise.h"
#include "tests/merge/run_method.h"
#include "tests/tensor/instruction_sets.h"

namespace vlm {
namespace {

constexpr std::array<float, 3> kWeights{0.7F, -1.3F, 0.4F};

// Inputs as they are stored and as float32.
struct Models {
  explicit Models(std::size_t size) {
    for (const char* const name : {"base", "a", "b", "c"}) {
      stored.push_back(as_bfloat16(values.emplace_back(random_values(size, name))));
    }
  }

  template <typename Value>
  static std::vector<Weighted<Value>> weighted(const std::vector<std::vector<Value>>& all) {
    std::vector<Weighted<Value>> terms;
    for (std::size_t i = 0; i < kWeights.size(); ++i) terms.push_back({all[i + 1], kWeights[i]});
    return terms;
  }

  std::vector<Floats> values;  // base first
  std::vector<std::vector<Bfloat16>> stored;
};

// Calls test(models) for lengths with and without a rest.
template <typename Test>
void for_each_size(Test test) {
  for (const std::size_t size : {1U, 63U, 64U, 200U}) {
    const Models models(size);
    for_each_instruction_set([&] { test(models, size); });
  }
}

TEST(WeightedSums, OfModelsAreAddedStepByStep) {
  for_each_size([](const Models& models, std::size_t size) {
    for (const float divisor : {1.0F, -0.2F}) {
      Floats wanted(size, 0.0F);
      for (std::size_t i = 0; i < 3; ++i) add_scaled(models.values[i + 1], kWeights[i], wanted);
      divide(wanted, divisor);
      Floats out(size);
      weighted_sum(Models::weighted(models.values), divisor, out);
      EXPECT_EQ(out, wanted);
      weighted_sum(Models::weighted(models.stored), divisor, out);
      EXPECT_EQ(out, wanted);
    }
  });
}

TEST(WeightedSums, BlendsAreThoseOfSingleNumbers) {
  for_each_size([](const Models& models, std::size_t size) {
    Floats wanted(size);
    for (std::size_t i = 0; i < size; ++i) {
      wanted[i] = 0.3F * models.values[0][i] + 0.6F * models.values[1][i];
    }
    Floats out(size);
    blend(models.values[0], 0.3F, models.values[1], 0.6F, out);
    EXPECT_EQ(out, wanted);
    blend(models.stored[0], 0.3F, models.stored[1], 0.6F, out);
    EXPECT_EQ(out, wanted);
  });
}

}  // namespace
}  // namespace vlm
