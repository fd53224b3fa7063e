#include "merge/kernels/elementwise.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "merge/kernels/gram.h"
#include "merge/kernels/reduce.h"
#include "tests/tensor/instruction_sets.h"

namespace vlm {
namespace {

using Floats = std::vector<float>;

// A length that leaves a rest behind vectors of any width.
Floats ramp(std::size_t size = 37) {
  Floats values;
  for (std::size_t i = 0; i < size; ++i) values.push_back(static_cast<float>(i) * 0.3F - 5.0F);
  return values;
}

Floats floats_of(const std::vector<Bfloat16>& stored) {
  Floats values;
  for (const Bfloat16 each : stored) values.push_back(to_float(each));
  return values;
}

TEST(Elementwise, VoteKeepsTheMajoritySignAndNoZeros) {
  const Floats p{1, -1, 0, -0.0F, 2, -2};
  const Floats total{0, 0, 0, 0, -1, -0.0F};  // zero sums count as positive
  Floats sum(6, 10);
  Floats divisor(6, 0);
  add_agreeing(p, total, 0.5F, sum, divisor);
  EXPECT_EQ(sum, (Floats{11, 10, 10, 10, 10, 10}));
  EXPECT_EQ(divisor, (Floats{0.5F, 0, 0, 0, 0, 0}));
}

TEST(Elementwise, VoteEqualsThePlainLoop) {
  const Floats p = ramp();
  Floats total = ramp();
  for (std::size_t i = 0; i < total.size(); i += 3) total[i] = -total[i];
  Floats sum(p.size(), 0);
  Floats divisor(p.size(), 0);
  add_agreeing(p, total, -0.25F, sum, divisor);
  for (std::size_t i = 0; i < p.size(); ++i) {
    const bool agrees = p[i] != 0 && (p[i] > 0) == (total[i] >= 0);
    EXPECT_EQ(sum[i], agrees ? p[i] : 0.0F);
    EXPECT_EQ(divisor[i], agrees ? -0.25F : 0.0F);
  }
}

TEST(Elementwise, ZeroBelowComparesMagnitudes) {
  Floats x{-2, 1, -1, 0.5F, 3};
  zero_below(x, magnitude_bits(1.0F));
  EXPECT_EQ(x, (Floats{-2, 1, -1, 0, 3}));
}

TEST(Elementwise, ZeroUnlessBelowComparesUnsigned) {
  Floats x{1, 2, 3, 4};
  zero_unless_below(x, std::vector<std::uint32_t>{0, 0x80000000U, 0xFFFFFFFFU, 0x7FFFFFFFU},
                    0x80000000U);
  EXPECT_EQ(x, (Floats{1, 0, 0, 4}));
}

TEST(Elementwise, ArithmeticEqualsThePlainLoops) {
  const Floats a = ramp();
  const Floats b(a.rbegin(), a.rend());
  Floats difference(a.size());
  Floats based(a.size());
  Floats sum = b;
  Floats ratio = a;
  subtract(a, b, difference);
  add_to_base(a, b, 1.5F, based);
  add_scaled(a, 3.0F, sum);
  divide(ratio, 7.0F);
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(difference[i], a[i] - b[i]);
    EXPECT_EQ(based[i], a[i] + 1.5F * b[i]);
    EXPECT_EQ(sum[i], b[i] + 3.0F * a[i]);
    EXPECT_EQ(ratio[i], a[i] / 7.0F);
  }
}

TEST(Elementwise, DifferencesOfStoredBfloat16AreThoseOfTheWidenedNumbers) {
  std::vector<Bfloat16> a;
  std::vector<Bfloat16> b;
  for (const float value : ramp()) {
    a.push_back(Bfloat16{float_to_bf16(value)});
    b.push_back(Bfloat16{float_to_bf16(value * value)});
  }
  for_each_instruction_set([&] {
    Floats difference(a.size());
    subtract(a, b, difference);
    for (std::size_t i = 0; i < a.size(); ++i) {
      EXPECT_EQ(difference[i], to_float(a[i]) - to_float(b[i])) << i;
    }
  });
}

TEST(Elementwise, RoundingIsThatOfSingleNumbers) {
  Floats values{NAN, -NAN, INFINITY, -INFINITY, 3.4e38F, -0.0F, 1e-40F};
  for (std::uint32_t bits = 0; bits < 100'000; ++bits) {
    values.push_back(std::bit_cast<float>(bits * 42949U));
  }
  Floats rounded = values;
  round_to_dtype(rounded, DType::kBF16);
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(std::bit_cast<std::uint32_t>(rounded[i]),
              std::uint32_t{float_to_bf16(values[i])} << 16U)
        << values[i];
  }
}

TEST(Elementwise, RoundsToSixteenBits) {
  Floats bf16{1.00390625F, 1.01171875F, -3.0F};  // 1 + 2^-8 and 1 + 3 * 2^-8 lie half way
  round_to_dtype(bf16, DType::kBF16);
  EXPECT_EQ(bf16, (Floats{1.0F, 1.015625F, -3.0F}));
  Floats f16{1.00048828125F, 1e6F};
  round_to_dtype(f16, DType::kF16);
  EXPECT_EQ(f16[0], 1.0F);
  EXPECT_TRUE(std::isinf(f16[1]));
  Floats f32{0.1F};
  round_to_dtype(f32, DType::kF32);
  EXPECT_EQ(f32[0], 0.1F);
}

TEST(Reduce, SumsInDouble) {
  const Floats a = ramp(1001);
  const Floats b(a.rbegin(), a.rend());
  double aa = 0;
  double ab = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    aa += double{a[i]} * double{a[i]};
    ab += double{a[i]} * double{b[i]};
  }
  const InnerProducts products = inner_products(a, b);
  EXPECT_NEAR(products.aa, aa, 1e-9 * aa);
  EXPECT_NEAR(products.bb, aa, 1e-9 * aa);
  EXPECT_NEAR(products.ab, ab, 1e-9 * aa);
}

template <typename Value>
GramMatrix gram_matrix(const std::vector<std::span<const Value>>& vectors,
                       std::span<const Value> base) {
  GramScratch scratch;
  GramMatrix gram(vectors.size());
  add_gram_matrix(vectors, base, scratch, gram);
  return gram;
}

TEST(Reduce, SeveralDotProductsAtOnceHaveTheBitsOfEachAlone) {
  for (const std::size_t size : {0U, 7U, 8U, 1003U}) {
    Vectors vectors;
    std::vector<Floats> values;
    for (std::size_t k = 0; k < 8; ++k) {
      values.push_back(ramp(size));
      for (float& value : values.back()) value = value * static_cast<float>(k + 1) - 0.3F;
    }
    vectors.assign(values.begin(), values.end());
    for_each_instruction_set([&] {
      for (std::size_t count = 0; count <= vectors.size(); ++count) {
        std::vector<double> products(count);
        dots(vectors.back(), std::span(vectors).first(count), products);
        for (std::size_t k = 0; k < count; ++k) {
          EXPECT_EQ(products[k], dot(vectors.back(), vectors[k])) << size << " " << k;
        }
      }
    });
  }
}

TEST(Reduce, SumsOfBfloat16AreThoseOfTheirFloatsBitForBit) {
  for (const std::size_t size : {1U, 8U, 37U, 4100U}) {
    std::vector<Bfloat16> a;
    std::vector<Bfloat16> b;
    for (const float value : ramp(size)) {
      a.push_back(Bfloat16{float_to_bf16(value)});
      b.push_back(Bfloat16{float_to_bf16(1.7F - 0.9F * value)});
    }
    const Floats wide_a = floats_of(a);
    const Floats wide_b = floats_of(b);
    for_each_instruction_set([&] {
      EXPECT_EQ(dot(std::span<const Bfloat16>(a), b), dot(std::span<const float>(wide_a), wide_b));
      const InnerProducts stored = inner_products(std::span<const Bfloat16>(a), b);
      const InnerProducts wide = inner_products(std::span<const float>(wide_a), wide_b);
      EXPECT_EQ(stored.aa, wide.aa);
      EXPECT_EQ(stored.ab, wide.ab);
      EXPECT_EQ(stored.bb, wide.bb);
      const GramMatrix of_stored = gram_matrix(Bfloat16Vectors{a, b}, std::span<const Bfloat16>(b));
      const GramMatrix of_wide =
          gram_matrix(Vectors{wide_a, wide_b}, std::span<const float>(wide_b));
      EXPECT_EQ(of_stored.at(0, 0), of_wide.at(0, 0));
      EXPECT_EQ(of_stored.at(0, 1), 0) << "the second is the base";
      const GramMatrix without_base = gram_matrix(Bfloat16Vectors{a, b}, {});
      EXPECT_EQ(without_base.at(0, 1), gram_matrix(Vectors{wide_a, wide_b}, {}).at(0, 1));
    });
  }
}

}  // namespace
}  // namespace vlm
