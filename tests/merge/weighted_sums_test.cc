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
constexpr std::array<float, 3> kRescales{1.0F, 1.9F, 2.1F};

// Inputs as they are stored and as float32.
struct Models {
  explicit Models(std::size_t size) {
    for (const char* const name : {"base", "a", "b", "c"}) {
      Floats& made = values.emplace_back(random_values(size, name));
      std::vector<Bfloat16>& bits = stored.emplace_back();
      for (float& value : made) {
        bits.push_back(Bfloat16{float_to_bf16(value)});
        value = to_float(bits.back());
      }
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

Floats add_steps(const Floats& base, const Floats& sum, float factor) {
  Floats out(base.size());
  add_to_base(base, sum, factor, out);
  return out;
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

TEST(WeightedSums, OfTaskVectorsAreAddedStepByStep) {
  for_each_size([](const Models& models, std::size_t size) {
    Floats sum(size, 0.0F);
    Floats delta(size);
    for (std::size_t i = 0; i < 3; ++i) {
      subtract(models.values[i + 1], models.values[0], delta);
      add_scaled(delta, kWeights[i], sum);
    }
    const Floats wanted = add_steps(models.values[0], sum, 0.9F);
    Floats out(size);
    add_task_vectors(models.values[0], Models::weighted(models.values), 0.9F, out);
    EXPECT_EQ(out, wanted);
    add_task_vectors(models.stored[0], Models::weighted(models.stored), 0.9F, out);
    EXPECT_EQ(out, wanted);
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

// Deltas of which most entries are 0, some of them -0.
std::vector<Floats> sparse_deltas(const Models& models) {
  std::vector<Floats> deltas(models.values.begin() + 1, models.values.end());
  for (std::size_t m = 0; m < deltas.size(); ++m) {
    for (std::size_t i = m; i < deltas[m].size(); i += 2 + m) {
      deltas[m][i] = i % 3 == 0 ? -0.0F : 0.0F;
    }
  }
  return deltas;
}

std::vector<SparseDelta> with_factors(const std::vector<Floats>& deltas) {
  std::vector<SparseDelta> terms;
  for (std::size_t i = 0; i < deltas.size(); ++i) {
    terms.push_back({deltas[i], kRescales[i], kWeights[i]});
  }
  return terms;
}

TEST(WeightedSums, OfSparseDeltasAreAddedStepByStep) {
  for_each_size([](const Models& models, std::size_t size) {
    const std::vector<Floats> deltas = sparse_deltas(models);
    Floats sum(size, 0.0F);
    for (std::size_t i = 0; i < 3; ++i) {
      Floats scaled = deltas[i];
      scale(scaled, kRescales[i]);
      add_scaled(scaled, kWeights[i], sum);
    }
    divide(sum, 1.7F);
    const Floats wanted = add_steps(models.values[0], sum, 0.9F);
    Floats out(size);
    add_sparse_deltas(models.values[0], with_factors(deltas), 1.7F, 0.9F, out);
    EXPECT_EQ(out, wanted);
    add_sparse_deltas(models.stored[0], with_factors(deltas), 1.7F, 0.9F, out);
    EXPECT_EQ(out, wanted);
  });
}

// Yadav et al., section 4: elect the sign of the larger total, take the mean of those that have it.
Floats merge_by_vote(const Models& models, const std::vector<Floats>& deltas, bool normalizes) {
  Floats out = models.values[0];
  for (std::size_t i = 0; i < out.size(); ++i) {
    float total = 0;
    for (std::size_t m = 0; m < 3; ++m) total += kWeights[m] * (kRescales[m] * deltas[m][i]);
    float sum = 0;
    float divisor = 0;
    for (std::size_t m = 0; m < 3; ++m) {
      const float p = kWeights[m] * (kRescales[m] * deltas[m][i]);
      if (p == 0 || (p > 0) != (total >= 0)) continue;
      sum += p;
      divisor += kWeights[m];
    }
    if (normalizes && divisor != 0) sum /= divisor;
    out[i] += 0.9F * sum;
  }
  return out;
}

TEST(WeightedSums, OfAgreeingDeltasAreThoseOfTheVote) {
  for_each_size([](const Models& models, std::size_t size) {
    const std::vector<Floats> deltas = sparse_deltas(models);
    for (const bool normalizes : {false, true}) {
      const Floats wanted = merge_by_vote(models, deltas, normalizes);
      Floats out(size);
      add_agreeing_deltas(models.values[0], with_factors(deltas), normalizes, 0.9F, out);
      EXPECT_EQ(out, wanted);
      add_agreeing_deltas(models.stored[0], with_factors(deltas), normalizes, 0.9F, out);
      EXPECT_EQ(out, wanted);
    }
  });
}

TEST(WeightedSums, WeightsOfBothSignsThatAgreeMaySumToNothing) {
  const Floats base{1.0F};
  const Floats one{2.0F};
  const Floats other{-2.0F};
  Floats out(1);
  add_agreeing_deltas(base, std::vector<SparseDelta>{{one, 1, 0.5F}, {other, 1, -0.5F}}, true, 1,
                      out);
  EXPECT_EQ(out[0], 3.0F);  // 1 + (1 + 1) / 1
}

}  // namespace
}  // namespace vlm
