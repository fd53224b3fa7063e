#include "tensor/float32_kernels.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include <gtest/gtest.h>

#include "tensor/matrix.h"
#include "tests/tensor/instruction_sets.h"
#include "tests/tensor/random_matrix.h"

namespace vlm {
namespace {

Matrix<float> product(MatrixView<const float> x, MatrixView<const float> weight) {
  std::vector<float> packed(packed_rows_size(x.rows(), x.cols()));
  pack_rows(x, packed);
  Matrix<float> out(x.rows(), weight.rows());
  multiply_packed_rows(packed, weight, out.view());
  return out;
}

// The plain twin, in double.
double plain_product(std::span<const float> x, std::span<const float> weight) {
  double sum = 0.0;
  for (std::size_t c = 0; c < x.size(); ++c) sum += double{x[c]} * double{weight[c]};
  return sum;
}

void expect_plain_product(std::size_t m, std::size_t n, std::size_t k) {
  const Matrix<float> x = random_matrix(m, k, 1);
  const Matrix<float> weight = random_matrix(n, k, 2);
  const Matrix<float> out = product(x.view(), weight.view());
  // Four chains of k / 4 sums of normal numbers.
  const double bound = 1e-6 + 0x1p-24 * static_cast<double>(k);
  for (std::size_t r = 0; r < m; ++r) {
    for (std::size_t c = 0; c < n; ++c) {
      ASSERT_NEAR(out.row(r)[c], plain_product(x.row(r), weight.row(c)), bound)
          << m << " rows, " << n << " weights, " << k << " columns: " << r << ", " << c;
    }
  }
}

TEST(MultiplyPackedRows, EqualsThePlainProductForAllRowsAndTails) {
  for_each_instruction_set([] {
    for (std::size_t m = 1; m <= kPackedRows; ++m) {
      for (const std::size_t n : {1U, 3U, 8U, 9U, 15U, 33U}) {
        for (const std::size_t k : {1U, 4U, 7U, 16U, 19U, 66U}) expect_plain_product(m, n, k);
      }
    }
  });
}

TEST(MultiplyPackedRows, LongRowsEqualThePlainProduct) {
  for_each_instruction_set([] {
    for (const std::size_t m : {1U, 2U, 7U, 16U}) expect_plain_product(m, 24, 4099);
  });
}

// Compares products of some rows and weights with those of all, of rows of k floats.
void expect_independent_outputs(std::size_t k) {
  const Matrix<float> x = random_matrix(kPackedRows, k, 3);
  const Matrix<float> weight = random_matrix(41, k, 4);
  const Matrix<float> all = product(x.view(), weight.view());
  for (std::size_t m = 1; m <= kPackedRows; ++m) {
    const std::size_t first = kPackedRows - m;
    for (const std::size_t n : {1U, 5U, 12U, 41U}) {
      const auto rows = x.view().rows(first, m);
      const Matrix<float> part = product(rows, weight.view().rows(41 - n, n));
      for (std::size_t r = 0; r < m; ++r) {
        for (std::size_t c = 0; c < n; ++c) {
          ASSERT_EQ(part.row(r)[c], all.row(first + r)[41 - n + c])
              << m << " rows, " << n << " weights, " << k << " columns";
        }
      }
    }
  }
}

TEST(MultiplyPackedRows, ARowsOutputsDoNotDependOnWhatElseIsMultiplied) {
  for_each_instruction_set([] {
    for (const std::size_t k : {131U, 256U, 601U}) expect_independent_outputs(k);
  });
}

TEST(MultiplyPackedRows, WritesNothingBesideItsPart) {
  const Matrix<float> x = random_matrix(kPackedRows, 20, 9);
  const Matrix<float> weight = random_matrix(19, 20, 10);
  for_each_instruction_set([&] {
    for (std::size_t m = 1; m <= kPackedRows; ++m) {
      for (std::size_t n = 1; n <= weight.rows(); ++n) {
        const auto rows = x.view().rows(0, m);
        std::vector<float> packed(packed_rows_size(m, x.cols()));
        pack_rows(rows, packed);
        Matrix<float> around(kPackedRows + 2, weight.rows() + 2);
        const auto part = around.view().rows(1, m).columns(1, n);
        multiply_packed_rows(packed, weight.view().rows(0, n), part);
        const auto written = static_cast<std::size_t>(
            std::ranges::count_if(around.values(), [](float value) { return value != 0.0F; }));
        const Matrix<float> alone = product(rows, weight.view().rows(0, n));
        ASSERT_EQ(written, m * n);
        for (std::size_t r = 0; r < m; ++r) {
          ASSERT_TRUE(std::ranges::equal(part.row(r), alone.row(r))) << m << " rows, " << n;
        }
      }
    }
  });
}

TEST(MultiplyPackedRows, WorksOnViewsWithStride) {
  const Matrix<float> x = random_matrix(5, 40, 5);
  const Matrix<float> weight = random_matrix(9, 40, 6);
  for_each_instruction_set([&] {
    const auto part = x.view().columns(3, 21);
    const auto weights = weight.view().columns(11, 21);
    const Matrix<float> out = product(part, weights);
    for (std::size_t r = 0; r < 5; ++r) {
      for (std::size_t c = 0; c < 9; ++c) {
        EXPECT_NEAR(out.row(r)[c], plain_product(part.row(r), weights.row(c)), 1e-5);
      }
    }
  });
}

TEST(AddProduct, AddsThePlainProductForAllRowsAndTails) {
  for_each_instruction_set([] {
    for (std::size_t m = 1; m <= 9; ++m) {
      for (const std::size_t n : {1U, 8U, 17U, 64U, 75U}) {
        for (const std::size_t k : {1U, 13U, 128U}) {
          const Matrix<float> x = random_matrix(m, k, 7);
          const Matrix<float> y = random_matrix(k, n, 8);
          Matrix<float> out(m, n);
          for (float& value : out.values()) value = 0.5F;
          add_product(x.view(), y.view(), out.view());
          for (std::size_t r = 0; r < m; ++r) {
            for (std::size_t c = 0; c < n; ++c) {
              double sum = 0.5;
              for (std::size_t i = 0; i < k; ++i) sum += double{x.row(r)[i]} * y.row(i)[c];
              ASSERT_NEAR(out.row(r)[c], sum, 1e-4) << m << ", " << n << ", " << k;
            }
          }
        }
      }
    }
  });
}

}  // namespace
}  // namespace vlm
