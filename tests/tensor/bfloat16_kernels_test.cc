#include "tensor/bfloat16_kernels.h"

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "core/philox.h"
#include "tensor/dtype.h"
#include "tensor/matrix.h"
#include "tensor/packed_layout.h"
#include "tests/tensor/instruction_sets.h"

namespace vlm {
namespace {

TEST(RoundToBfloat16, EqualsThePlainRounding) {
  RandomStream random(1, 0);
  std::vector<float> values{0.0F,
                            -0.0F,
                            1.00390625F,  // a tie, to the even 1
                            1.01171875F,  // a tie, to the even 1.015625
                            std::numeric_limits<float>::max(),
                            std::numeric_limits<float>::infinity(),
                            -std::numeric_limits<float>::infinity(),
                            std::numeric_limits<float>::denorm_min(),
                            std::bit_cast<float>(0x7F800001U),
                            std::bit_cast<float>(0xFFFFFFFFU)};
  for (int i = 0; i < 1000; ++i) {
    values.push_back(
        std::bit_cast<float>(static_cast<std::uint32_t>(random.below(std::uint64_t{1} << 32U))));
  }
  for_each_instruction_set([&] {
    std::vector<std::uint16_t> rounded(values.size());
    round_to_bfloat16(values, rounded);
    for (std::size_t i = 0; i < values.size(); ++i) {
      EXPECT_EQ(rounded[i], float_to_bf16(values[i])) << values[i];
    }
  });
}

struct BlockProduct {
  Matrix<float> x;                   // [m, k]
  std::vector<std::uint16_t> block;  // packed
  PackedLayout layout;
};

BlockProduct random_product(std::size_t m, std::size_t n, std::size_t k) {
  RandomStream random(m * 10007 + n * 101 + k, 0);
  BlockProduct product{Matrix<float>(m, k), {}, {n, k}};
  for (float& value : product.x.values()) value = static_cast<float>(random.normal());
  product.block.resize(product.layout.block_size());
  for (std::size_t row = 0; row < n; ++row) {
    for (std::size_t col = 0; col < k; ++col) {
      product.block[PackedLayout::index(row, col)] =
          float_to_bf16(static_cast<float>(random.normal()));
    }
  }
  return product;
}

// out against the plain twin in double. A float32 sum of k products errs by at most
// (k + 1) 2^-24 of the sum of their magnitudes.
void expect_plain_product(const BlockProduct& product, const Matrix<float>& out) {
  for (std::size_t r = 0; r < out.rows(); ++r) {
    for (std::size_t c = 0; c < product.layout.rows; ++c) {
      double sum = 0.0;
      double magnitude = 0.0;
      for (std::size_t i = 0; i < product.layout.cols; ++i) {
        const double term =
            double{product.x.row(r)[i]} * bf16_to_float(product.block[PackedLayout::index(c, i)]);
        sum += term;
        magnitude += std::abs(term);
      }
      const double tolerance =
          std::ldexp(static_cast<double>(product.layout.cols + 1), -24) * magnitude;
      EXPECT_NEAR(out.row(r)[c], sum, tolerance) << r << ' ' << c;
    }
  }
}

TEST(MultiplyPackedBlock, EqualsThePlainProductForEverySize) {
  for_each_instruction_set([] {
    for (const std::size_t m : {1U, 2U, 3U, 4U, 5U, 6U, 7U, 13U}) {
      for (const std::size_t n : {1U, 16U, 63U, 64U}) {
        for (const std::size_t k : {1U, 2U, 31U, 33U, 192U}) {
          const BlockProduct product = random_product(m, n, k);
          Matrix<float> out(m, n);
          multiply_packed_block(product.x.view(), product.block, out.view());
          expect_plain_product(product, out);
        }
      }
    }
  });
}

TEST(MultiplyPackedBlock, WritesNothingBesideItsColumns) {
  const BlockProduct product = random_product(3, 10, 8);
  Matrix<float> wide(3, 12);
  for (float& value : wide.values()) value = 7.0F;
  multiply_packed_block(product.x.view(), product.block, wide.view().columns(1, 10));
  for (std::size_t r = 0; r < 3; ++r) {
    EXPECT_EQ(wide.row(r)[0], 7.0F);
    EXPECT_EQ(wide.row(r)[11], 7.0F);
    EXPECT_NE(wide.row(r)[1], 7.0F);
  }
}

}  // namespace
}  // namespace vlm
