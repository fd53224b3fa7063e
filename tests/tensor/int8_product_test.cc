#include "tensor/int8_product.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "core/philox.h"
#include "tensor/matrix.h"
#include "tests/tensor/instruction_sets.h"
#include "tests/tensor/random_matrix.h"
#include "tests/tensor/wide_target.h"

namespace vlm {
namespace {

constexpr std::size_t kRows = PackedLayout::kBlockRows;

struct Block {
  std::vector<std::uint8_t> packed;
  std::vector<float> scales;
  Matrix<double> values;  // [64, k], what it stands for
};

Block random_block(std::size_t k) {
  RandomStream random(k, 0);
  Block block{std::vector<std::uint8_t>(Int8Layout::block_size(k), 77), std::vector<float>(kRows),
              Matrix<double>(kRows, k)};
  for (float& scale : block.scales) scale = static_cast<float>(0.5 + random.uniform());
  for (std::size_t row = 0; row < kRows; ++row) {
    for (std::size_t col = 0; col < k; ++col) {
      const int step = static_cast<int>(random.below(255)) - 127;
      block.packed[Int8Layout::index(row, col)] =
          static_cast<std::uint8_t>(step + Int8Layout::kOffset);
      block.values.row(row)[col] = double{block.scales[row]} * step;
    }
  }
  return block;
}

double value_of(const QuantizedRows& x, std::size_t row, std::size_t col) {
  const QuantizedBlock& block = x.block(row, col / QuantizedBlock::kColumns);
  const std::size_t i = col % QuantizedBlock::kColumns;
  return double{block.scale} * (QuantizedBlock::kDigitBase * block.high[i] + block.low[i]);
}

// The plain twin in double, of the quantized x: sums over a block of columns are exact, so the
// roundings of float32 are two for each of them and one by the scale.
void expect_plain_product(const QuantizedRows& x, const Block& block, const Matrix<float>& out) {
  for (std::size_t r = 0; r < out.rows(); ++r) {
    for (std::size_t c = 0; c < out.cols(); ++c) {
      double sum = 0.0;
      double magnitude = 0.0;
      for (std::size_t i = 0; i < x.cols(); ++i) {
        const double term = value_of(x, r, i) * block.values.row(c)[i];
        sum += term;
        magnitude += std::abs(term);
      }
      const auto roundings = static_cast<double>(2 * x.num_blocks() + 1);
      EXPECT_NEAR(out.row(r)[c], sum, roundings * 0x1p-24 * magnitude) << r << ' ' << c;
    }
  }
}

TEST(Int8Product, EqualsThePlainProductForEverySize) {
  ThreadPool pool(1);
  for (const std::size_t m : {1U, 2U, 3U, 4U, 5U, 8U}) {
    for (const std::size_t n : {1U, 63U, 64U}) {
      for (const std::size_t k : {1U, 4U, 127U, 128U, 131U, 384U}) {
        const Matrix<float> values = random_matrix(m, k, m);
        const QuantizedRows x(values.view(), pool);
        const Block block = random_block(k);
        Matrix<float> out(m, n);
        multiply_int8_block(x, block.packed, block.scales, out.view());
        expect_plain_product(x, block, out);
      }
    }
  }
}

TEST(Int8Product, EveryInstructionSetGivesTheSameBits) {
  ThreadPool pool(1);
  const Matrix<float> values = random_matrix(5, 390, 2);
  const Block block = random_block(390);
  std::optional<std::vector<float>> first;
  for_each_instruction_set([&] {
    const QuantizedRows x(values.view(), pool);
    Matrix<float> out(5, kRows);
    multiply_int8_block(x, block.packed, block.scales, out.view());
    const std::vector<float> found(out.values().begin(), out.values().end());
    if (!first) first = found;
    EXPECT_EQ(found, *first);
  });
}

TEST(Int8Product, TheLargestDigitsAndStepsDoNotOverflow) {
  ThreadPool pool(1);
  for_each_instruction_set([&] {
    for (const float sign : {1.0F, -1.0F}) {
      Matrix<float> values(1, 256);
      for (float& value : values.values()) value = sign;
      const QuantizedRows x(values.view(), pool);
      for (const int step : {127, -127}) {
        const std::vector<std::uint8_t> packed(
            Int8Layout::block_size(256), static_cast<std::uint8_t>(step + Int8Layout::kOffset));
        Matrix<float> out(1, kRows);
        multiply_int8_block(x, packed, std::vector<float>(kRows, 1.0F), out.view());
        const float exact = sign * static_cast<float>(256 * step);
        for (const float value : out.values()) EXPECT_NEAR(value, exact, 0.01F);
      }
    }
  });
}

TEST(Int8Product, WritesNothingBesideItsColumns) {
  ThreadPool pool(1);
  const Matrix<float> values = random_matrix(3, 8, 1);
  const Block block = random_block(8);
  expect_only_its_columns_written([&](MatrixView<float> out) {
    multiply_int8_block(QuantizedRows(values.view(), pool), block.packed, block.scales, out);
  });
}

}  // namespace
}  // namespace vlm
