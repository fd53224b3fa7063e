#include "tensor/block_product.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "tensor/dtype.h"
#include "tensor/matrix.h"
#include "tensor/packed_layout.h"
#include "tests/tensor/instruction_sets.h"
#include "tests/tensor/random_matrix.h"
#include "tests/tensor/wide_target.h"

namespace vlm {
namespace {

struct Block {
  Matrix<float> values;  // [n, k], what the block stands for
  std::vector<std::uint16_t> packed;
};

Block random_block(std::size_t n, std::size_t k) {
  Block block{random_matrix(n, k, n * 101 + k),
              std::vector<std::uint16_t>(PackedLayout{n, k}.block_size())};
  for (std::size_t row = 0; row < n; ++row) {
    for (std::size_t col = 0; col < k; ++col) {
      float& value = block.values.row(row)[col];
      block.packed[PackedLayout::index(row, col)] = float_to_bf16(value);
      value = bf16_to_float(float_to_bf16(value));
    }
  }
  return block;
}

// out against the plain twin in double. A float32 sum of k products errs by at most
// (k + 1) 2^-24 of the sum of their magnitudes.
void expect_plain_product(const Matrix<float>& x, const Block& block, const Matrix<float>& out) {
  for (std::size_t r = 0; r < out.rows(); ++r) {
    for (std::size_t c = 0; c < block.values.rows(); ++c) {
      double sum = 0.0;
      double magnitude = 0.0;
      for (std::size_t i = 0; i < x.cols(); ++i) {
        const double term = double{x.row(r)[i]} * block.values.row(c)[i];
        sum += term;
        magnitude += std::abs(term);
      }
      const double tolerance = std::ldexp(static_cast<double>(x.cols() + 1), -24) * magnitude;
      EXPECT_NEAR(out.row(r)[c], sum, tolerance) << r << ' ' << c;
    }
  }
}

TEST(BlockProduct, EqualsThePlainProductForEverySize) {
  for_each_instruction_set([] {
    for (const std::size_t m : {1U, 2U, 3U, 4U, 5U, 6U, 7U, 13U}) {
      for (const std::size_t n : {1U, 16U, 63U, 64U}) {
        for (const std::size_t k : {1U, 2U, 31U, 33U, 192U}) {
          const Matrix<float> x = random_matrix(m, k, m);
          const Block block = random_block(n, k);
          Matrix<float> out(m, n);
          multiply_bfloat16_block(x.view(), block.packed, out.view());
          expect_plain_product(x, block, out);
        }
      }
    }
  });
}

TEST(BlockProduct, WritesNothingBesideItsColumns) {
  const Matrix<float> x = random_matrix(3, 8, 1);
  expect_only_its_columns_written([&](MatrixView<float> out) {
    multiply_bfloat16_block(x.view(), random_block(10, 8).packed, out);
  });
}

}  // namespace
}  // namespace vlm
