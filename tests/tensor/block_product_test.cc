#include "tensor/block_product.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include <gtest/gtest.h>

#include "core/philox.h"
#include "tensor/dtype.h"
#include "tensor/matrix.h"
#include "tensor/packed_layout.h"
#include "tests/tensor/instruction_sets.h"
#include "tests/tensor/random_matrix.h"

namespace vlm {
namespace {

constexpr std::size_t kRows = PackedLayout::kBlockRows;

// A block of a format, with what it stands for.
struct Block {
  Matrix<float> values;  // [n, k]
  std::function<void(MatrixView<const float>, MatrixView<float>)> multiply;
};

Block bfloat16_block(std::size_t n, std::size_t k) {
  Block block{random_matrix(n, k, n * 101 + k), {}};
  std::vector<std::uint16_t> packed(PackedLayout{n, k}.block_size());
  for (std::size_t row = 0; row < n; ++row) {
    for (std::size_t col = 0; col < k; ++col) {
      float& value = block.values.row(row)[col];
      packed[PackedLayout::index(row, col)] = float_to_bf16(value);
      value = bf16_to_float(float_to_bf16(value));
    }
  }
  block.multiply = [packed](MatrixView<const float> x, MatrixView<float> out) {
    multiply_bfloat16_block(x, packed, out);
  };
  return block;
}

Block int8_block(std::size_t n, std::size_t k) {
  RandomStream random(n * 101 + k, 0);
  Block block{Matrix<float>(n, k), {}};
  std::vector<std::int8_t> steps(kRows * k);
  std::vector<float> scales(kRows);
  for (float& scale : scales) scale = static_cast<float>(0.5 + random.uniform());
  for (std::size_t row = 0; row < n; ++row) {
    for (std::size_t col = 0; col < k; ++col) {
      const int step = static_cast<int>(random.below(255)) - 127;
      steps[col * kRows + row] = static_cast<std::int8_t>(step);
      block.values.row(row)[col] = scales[row] * static_cast<float>(step);
    }
  }
  block.multiply = [steps, scales](MatrixView<const float> x, MatrixView<float> out) {
    multiply_int8_block(x, steps, scales, out);
  };
  return block;
}

// out against the plain twin in double. A float32 sum of k products errs by at most
// (k + 1) 2^-24 of the sum of their magnitudes, and a scale adds a rounding of its product with
// the step, one with the sum.
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
      const double tolerance = std::ldexp(static_cast<double>(x.cols() + 3), -24) * magnitude;
      EXPECT_NEAR(out.row(r)[c], sum, tolerance) << r << ' ' << c;
    }
  }
}

using MakeBlock = Block (*)(std::size_t n, std::size_t k);

class BlockProduct : public ::testing::TestWithParam<MakeBlock> {};

TEST_P(BlockProduct, EqualsThePlainProductForEverySize) {
  for_each_instruction_set([] {
    for (const std::size_t m : {1U, 2U, 3U, 4U, 5U, 6U, 7U, 13U}) {
      for (const std::size_t n : {1U, 16U, 63U, 64U}) {
        for (const std::size_t k : {1U, 2U, 31U, 33U, 192U}) {
          const Matrix<float> x = random_matrix(m, k, m);
          const Block block = GetParam()(n, k);
          Matrix<float> out(m, n);
          block.multiply(x.view(), out.view());
          expect_plain_product(x, block, out);
        }
      }
    }
  });
}

TEST_P(BlockProduct, WritesNothingBesideItsColumns) {
  Matrix<float> wide(3, 12);
  for (float& value : wide.values()) value = 7.0F;
  GetParam()(10, 8).multiply(random_matrix(3, 8, 1).view(), wide.view().columns(1, 10));
  for (std::size_t r = 0; r < 3; ++r) {
    EXPECT_EQ(wide.row(r)[0], 7.0F);
    EXPECT_EQ(wide.row(r)[11], 7.0F);
    EXPECT_NE(wide.row(r)[1], 7.0F);
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, BlockProduct, ::testing::Values(&bfloat16_block, &int8_block),
                         [](const auto& test_case) {
                           return test_case.index == 0 ? "bfloat16" : "int8";
                         });

}  // namespace
}  // namespace vlm
