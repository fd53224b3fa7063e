#include "tensor/gemm.h"

#include <cmath>
#include <cstddef>
#include <string_view>
#include <vector>

#include <cblas.h>
#include <gtest/gtest.h>

#include "tensor/blas_setup.h"
#include "tensor/matrix.h"
#include "tests/tensor/random_matrix.h"

namespace vlm {
namespace {

double dot_of_row_and_column(const Matrix<float>& x, std::size_t row, const Matrix<float>& y,
                             std::size_t column) {
  double sum = 0.0;
  for (std::size_t i = 0; i < x.cols(); ++i) sum += double{x.row(row)[i]} * y.row(i)[column];
  return sum;
}

// The plain twin of all products: out[r][c] = scale * x[r] . y[.][c] + keep * out[r][c].
Matrix<float> plain_product(const Matrix<float>& x, const Matrix<float>& y) {
  Matrix<float> out(x.rows(), y.cols());
  for (std::size_t r = 0; r < out.rows(); ++r) {
    for (std::size_t c = 0; c < out.cols(); ++c) {
      out.row(r)[c] = static_cast<float>(dot_of_row_and_column(x, r, y, c));
    }
  }
  return out;
}

Matrix<float> transposed(const Matrix<float>& x) {
  Matrix<float> out(x.cols(), x.rows());
  for (std::size_t r = 0; r < x.rows(); ++r) {
    for (std::size_t c = 0; c < x.cols(); ++c) out.row(c)[r] = x.row(r)[c];
  }
  return out;
}

// Sums of k products of normal numbers err by at most about k * 2^-24 * sqrt(k).
void expect_near(const Matrix<float>& a, const Matrix<float>& b, std::size_t k) {
  ASSERT_EQ(a.size(), b.size());
  const double bound = 4.0 * std::sqrt(static_cast<double>(k)) * std::sqrt(double(k)) * 0x1p-24;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ASSERT_NEAR(a.values()[i], b.values()[i], bound + 1e-6) << i;
  }
}

TEST(MultiplyTransposed, EqualsThePlainProductForAllPathsAndTails) {
  ThreadPool pool(2);
  for (const std::size_t rows : {1U, 2U, 3U, 7U, 16U, 32U, 33U, 70U}) {
    for (const std::size_t cols : {1U, 5U, 512U, 515U, 1030U}) {
      for (const std::size_t k : {1U, 24U, 65U}) {
        const Matrix<float> x = random_matrix(rows, k, 1);
        const Matrix<float> weight = random_matrix(cols, k, 2);
        Matrix<float> out(rows, cols);
        multiply_transposed(x.view(), weight.view(), out.view(), pool);
        expect_near(out, plain_product(x, transposed(weight)), k);
      }
    }
  }
}

TEST(MultiplyTransposed, OfNothingIsNothing) {
  ThreadPool pool(1);
  Matrix<float> out(3, 0);
  multiply_transposed(random_matrix(3, 8, 1).view(), Matrix<float>(0, 8).view(), out.view(), pool);
  EXPECT_EQ(out.size(), 0U);
}

TEST(MultiplyTransposed, ThreadsDoNotChangeABit) {
  const Matrix<float> weight = random_matrix(1300, 96, 4);
  ThreadPool one(1);
  ThreadPool three(3);
  for (const std::size_t rows : {1U, 9U, 40U}) {
    const Matrix<float> x = random_matrix(rows, 96, 3);
    Matrix<float> a(rows, 1300);
    Matrix<float> b(rows, 1300);
    multiply_transposed(x.view(), weight.view(), a.view(), one);
    multiply_transposed(x.view(), weight.view(), b.view(), three);
    EXPECT_TRUE(std::ranges::equal(a.values(), b.values()));
  }
}

TEST(Multiply, EqualsThePlainProduct) {
  for (const std::size_t rows : {1U, 2U, 17U}) {
    const Matrix<float> x = random_matrix(rows, 40, 5);
    const Matrix<float> y = random_matrix(40, 23, 6);
    Matrix<float> out(rows, 23);
    multiply(x.view(), y.view(), out.view());
    expect_near(out, plain_product(x, y), 40);
  }
}

TEST(MultiplyTransposedScaled, WorksOnViewsWithStride) {
  const Matrix<float> x = random_matrix(4, 6, 9);
  const Matrix<float> y = random_matrix(5, 6, 10);
  Matrix<float> out(4, 5);
  multiply_transposed_scaled(0.5F, x.view().columns(2, 3), y.view().columns(1, 3), out.view());
  for (std::size_t r = 0; r < 4; ++r) {
    for (std::size_t c = 0; c < 5; ++c) {
      double sum = 0.0;
      for (std::size_t i = 0; i < 3; ++i) sum += double{x.row(r)[2 + i]} * y.row(c)[1 + i];
      EXPECT_NEAR(out.row(r)[c], 0.5 * sum, 1e-5);
    }
  }
}

TEST(AddBias, AddsToEveryRow) {
  Matrix<float> x(2, 2);
  const std::vector<float> bias{1.0F, -2.0F};
  add_bias(x.view(), bias);
  EXPECT_TRUE(std::ranges::equal(x.values(), std::vector<float>{1.0F, -2.0F, 1.0F, -2.0F}));
}

#if defined(__x86_64__)
TEST(PrepareBlas, NewProcessorsDoNotFallBackToTheOldestKernels) {
  prepare_blas();
  if (!__builtin_cpu_supports("avx2")) GTEST_SKIP() << "an old processor";
  EXPECT_NE(std::string_view(openblas_get_corename()), "Prescott");
}
#endif

}  // namespace
}  // namespace vlm
