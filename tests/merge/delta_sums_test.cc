// The sums in one pass equal those of one step after the other, bit for bit, for float32 and
// bfloat16, with every instruction set.

#include "merge/kernels/delta_sums.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "merge/kernels/elementwise.h"
#include "tests/merge/run_method.h"
#include "tests/tensor/instruction_sets.h"

namespace vlm {
namespace {

constexpr std::size_t kModels = 3;
constexpr std::array<float, kModels> kWeights{0.7F, -1.3F, 0.4F};
constexpr std::array<float, kModels> kRescales{1.0F, 1.9F, 2.1F};
constexpr float kDivisor = 1.7F;
constexpr float kFactor = 0.9F;

// Inputs as they are stored and as float32; their deltas are below 2.
struct Models {
  explicit Models(std::size_t size) {
    for (const char* const name : {"base", "a", "b", "c"}) {
      Floats& made = values.emplace_back(random_values(size, name));
      for (float& value : made) value = std::clamp(value, -0.9F, 0.9F);
      stored.push_back(as_bfloat16(made));
    }
    for (std::size_t i = 0; i < size; i += 7) {  // some entries have nothing to say
      stored[1][i] = stored[0][i];
      values[1][i] = values[0][i];
    }
  }
  [[nodiscard]] std::size_t size() const { return values.front().size(); }
  [[nodiscard]] float delta(std::size_t model, std::size_t i) const {
    return values[model + 1][i] - values[0][i];
  }

  std::vector<Floats> values;  // base first
  std::vector<std::vector<Bfloat16>> stored;
};

using Rules = std::array<KeepRule, kModels>;

std::vector<std::uint32_t> striped_marks(std::size_t size) {
  std::vector<std::uint32_t> marks;
  for (std::size_t i = 0; i <= size / 32; ++i) {
    marks.push_back(0x9E3779B9U * static_cast<std::uint32_t>(i + 1));
  }
  return marks;
}

std::int32_t bits_of(float magnitude) {
  return static_cast<std::int32_t>(magnitude_bits(magnitude));
}

bool is_kept(const KeepRule& rule, float delta, std::size_t i) {
  const std::int32_t bits = bits_of(delta);
  if (bits < rule.window.lowest || bits > rule.window.highest) return false;
  const std::size_t place = rule.first_mark + i;
  return rule.marks.empty() || ((rule.marks[place / 32] >> (place % 32)) & 1U) != 0;
}

// The products of an element.
std::array<float, kModels> products(const Models& models, const Rules& rules, std::size_t i) {
  std::array<float, kModels> made{};
  for (std::size_t m = 0; m < kModels; ++m) {
    const float delta = models.delta(m, i);
    made[m] = kWeights[m] * (kRescales[m] * (is_kept(rules[m], delta, i) ? delta : 0.0F));
  }
  return made;
}

template <typename Value>
std::vector<WeightedDelta<Value>> with_rules(const std::vector<std::vector<Value>>& all,
                                             const Rules& rules) {
  std::vector<WeightedDelta<Value>> deltas;
  for (std::size_t m = 0; m < kModels; ++m) {
    deltas.push_back({all[m + 1], {}, rules[m], kRescales[m], kWeights[m]});
  }
  return deltas;
}

// Calls test(models, rules) for lengths with and without a rest and rules of every kind.
template <typename Test>
void for_each_case(Test test) {
  for (const std::size_t size : {1U, 7U, 63U, 64U, 300U}) {
    const Models models(size);
    const std::vector<std::uint32_t> marks = striped_marks(size);
    const MagnitudeWindow middle{bits_of(0.1F), bits_of(0.8F)};
    const MagnitudeWindow large{bits_of(0.3F), MagnitudeWindow().highest};
    std::vector<Rules> cases{Rules{},
                             Rules{KeepRule{middle, {}, 0}, {large, {}, 0}, {kNothing, {}, 0}},
                             Rules{KeepRule{{}, marks, 0}, {middle, marks, 0}, {}}};
    // Within one word, bits may begin anywhere.
    if (size <= 7) cases.push_back(Rules{KeepRule{{}, marks, 25}, {{}, marks, 11}, {}});
    for (const Rules& rules : cases) for_each_instruction_set([&] { test(models, rules); });
  }
}

TEST(DeltaSums, AreAddedStepByStep) {
  for_each_case([](const Models& models, const Rules& rules) {
    for (const float divisor : {1.0F, kDivisor}) {
      Floats wanted = models.values[0];
      for (std::size_t i = 0; i < wanted.size(); ++i) {
        float sum = 0;
        for (const float product : products(models, rules, i)) sum += product;
        wanted[i] += kFactor * (sum / divisor);
      }
      Floats out(models.size());
      EXPECT_TRUE(
          add_deltas(models.values[0], with_rules(models.values, rules), divisor, kFactor, out));
      EXPECT_EQ(out, wanted);
      EXPECT_TRUE(
          add_deltas(models.stored[0], with_rules(models.stored, rules), divisor, kFactor, out));
      EXPECT_EQ(out, wanted);
    }
  });
}

// Yadav et al., section 4: elect the sign of the larger total, take the mean of those that have it.
Floats merge_by_vote(const Models& models, const Rules& rules, bool normalizes) {
  Floats out = models.values[0];
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto made = products(models, rules, i);
    float total = 0;
    for (const float product : made) total += product;
    float sum = 0;
    float divisor = 0;
    for (std::size_t m = 0; m < kModels; ++m) {
      if (made[m] == 0 || (made[m] > 0) != (total >= 0)) continue;
      sum += made[m];
      divisor += kWeights[m];
    }
    if (normalizes && divisor != 0) sum /= divisor;
    out[i] += kFactor * sum;
  }
  return out;
}

TEST(DeltaSums, OfAgreeingDeltasAreThoseOfTheVote) {
  for_each_case([](const Models& models, const Rules& rules) {
    for (const bool normalizes : {false, true}) {
      const Floats wanted = merge_by_vote(models, rules, normalizes);
      Floats out(models.size());
      EXPECT_TRUE(add_agreeing_deltas(models.values[0], with_rules(models.values, rules),
                                      normalizes, kFactor, out));
      EXPECT_EQ(out, wanted);
      EXPECT_TRUE(add_agreeing_deltas(models.stored[0], with_rules(models.stored, rules),
                                      normalizes, kFactor, out));
      EXPECT_EQ(out, wanted);
    }
  });
}

TEST(DeltaSums, TakeDeltasThatWereMade) {
  const Models models(100);
  Floats made(models.size());
  subtract(models.values[1], models.values[0], made);
  std::vector<WeightedDelta<Bfloat16>> deltas = with_rules(models.stored, {});
  Floats wanted(models.size());
  Floats out(models.size());
  for_each_instruction_set([&] {
    deltas[0].made = {};
    add_agreeing_deltas(models.stored[0], deltas, true, kFactor, wanted);
    deltas[0].made = made;
    add_agreeing_deltas(models.stored[0], deltas, true, kFactor, out);
    EXPECT_EQ(out, wanted);
  });
}

TEST(DeltaSums, WeightsOfBothSignsThatAgreeMaySumToNothing) {
  const Floats base{1.0F};
  const Floats one{3.0F};
  const Floats other{-1.0F};
  std::vector<WeightedDelta<float>> deltas(2);
  deltas[0].values = one;
  deltas[0].weight = 0.5F;
  deltas[1].values = other;
  deltas[1].weight = -0.5F;
  Floats out(1);
  add_agreeing_deltas(base, deltas, true, 1, out);
  EXPECT_EQ(out[0], 3.0F);  // 1 + (1 + 1) / 1
}

// In sixteen sums, of the elements with the same rest, eight of them in float32 at a time.
double norm_in_order(const Models& models, std::size_t model, const KeepRule& rule) {
  std::array<double, 16> sums{};
  for (std::size_t first = 0; first < models.size(); first += 128) {
    std::array<float, 16> floats{};
    for (std::size_t i = first; i < std::min(first + 128, models.size()); ++i) {
      const float delta = models.delta(model, i);
      floats[i % 16] += is_kept(rule, delta, i) ? std::fabs(delta) : 0;
    }
    for (std::size_t k = 0; k < sums.size(); ++k) sums[k] += double{floats[k]};
  }
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

TEST(DeltaSums, NormsAreThoseOfAllEntriesAndOfThoseThatAreKept) {
  for_each_case([](const Models& models, const Rules& rules) {
    for (std::size_t m = 0; m < kModels; ++m) {
      for (const L1Norms& norms : {l1_norms(models.values[0], models.values[m + 1], rules[m]),
                                   l1_norms(models.stored[0], models.stored[m + 1], rules[m])}) {
        EXPECT_EQ(norms.all, norm_in_order(models, m, {}));
        EXPECT_EQ(norms.kept, norm_in_order(models, m, rules[m]));
        EXPECT_TRUE(norms.are_small);
      }
    }
  });
}

TEST(DeltaSums, NormsAreFiniteIfAllEntriesAre) {
  const Floats base(20, -1e38F);
  const Floats values(20, 1e38F);
  const L1Norms norms = l1_norms(base, values, {});
  EXPECT_DOUBLE_EQ(norms.all, 20 * double{2e38F});
  EXPECT_DOUBLE_EQ(norms.kept, norms.all);
}

// Whatever is done with the entry, and wherever it stands.
TEST(DeltaSums, TellWhereAnInputIsInfiniteOrNan) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  Rules drops_all;
  drops_all.fill({kNothing, {}, 0});
  for_each_instruction_set([&] {
    for (const std::size_t size : {1U, 9U, 70U}) {
      for (const float bad : {kInfinity, -kInfinity, kNan, -kNan}) {
        for (std::size_t input = 0; input <= kModels; ++input) {
          for (std::size_t place = 0; place < size; place += 4) {
            Models models(size);
            models.values[input][place] = bad;
            models.stored[input][place] = Bfloat16{float_to_bf16(bad)};
            const auto floats = with_rules(models.values, drops_all);
            const auto halves = with_rules(models.stored, drops_all);
            Floats out(size);
            EXPECT_FALSE(add_deltas(models.values[0], floats, 1, 1, out));
            EXPECT_FALSE(add_deltas(models.stored[0], halves, 1, 1, out));
            EXPECT_FALSE(add_agreeing_deltas(models.values[0], floats, true, 1, out));
            EXPECT_FALSE(add_agreeing_deltas(models.stored[0], halves, true, 1, out));
            const std::size_t model = std::max<std::size_t>(input, 1);
            EXPECT_FALSE(l1_norms(models.stored[0], models.stored[model], drops_all[0]).are_small);
          }
        }
      }
    }
  });
}

}  // namespace
}  // namespace vlm
