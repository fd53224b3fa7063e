#include "merge/kernels/low_rank.h"

#include <algorithm>
#include <cmath>

#include <Eigen/Core>
#include <gtest/gtest.h>

#include "core/philox.h"
#include "tests/merge/singular_values.h"

namespace vlm {
namespace {

std::vector<float> random_values(std::size_t count, std::uint64_t stream) {
  std::vector<float> values(count);
  RandomStream random(7, stream);
  for (float& value : values) value = static_cast<float>(random.normal());
  return values;
}

// [rows, columns] of that rank.
std::vector<float> product(std::size_t rows, std::size_t columns, std::size_t rank) {
  const std::vector<float> b = random_values(rows * rank, 1);
  const std::vector<float> a = random_values(rank * columns, 2);
  std::vector<float> matrix(rows * columns);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < columns; ++j) {
      double sum = 0;
      for (std::size_t k = 0; k < rank; ++k) {
        sum += double{b[i * rank + k]} * double{a[k * columns + j]};
      }
      matrix[i * columns + j] = static_cast<float>(sum);
    }
  }
  return matrix;
}

double relative_error(const std::vector<float>& matrix, std::size_t rows, std::size_t columns,
                      std::size_t rank) {
  const MatrixView<const float> view(std::span<const float>(matrix), rows, columns);
  const SquaredNorms norms = residual_of(view, factorize(view, rank, 3));
  return std::sqrt(norms.residual / norms.matrix);
}

// Float32 rounding: one unit each of the matrix, the basis and the two factors, and the random walk
// of sums over a side of the matrix.
double rounding(std::size_t rows, std::size_t columns) {
  return (4 + std::sqrt(static_cast<double>(std::max(rows, columns)))) * 0x1p-24;
}

TEST(LowRank, RecoversAMatrixOfTheRank) {
  for (const std::size_t rank : {1U, 3U, 8U}) {
    EXPECT_LE(relative_error(product(40, 64, rank), 40, 64, rank), rounding(40, 64));
    EXPECT_LE(relative_error(product(300, 50, rank), 300, 50, rank), rounding(300, 50));
  }
}

TEST(LowRank, OfASmallMatrixTheRankIsItsSmallerSide) {
  const std::vector<float> matrix = product(5, 9, 5);
  const LowRankFactors factors = factorize({std::span(matrix), 5, 9}, 16, 3);
  EXPECT_EQ(factors.rank, 5U);
  EXPECT_EQ(factors.a.size(), 45U);
  EXPECT_EQ(factors.b.size(), 25U);
  EXPECT_LE(relative_error(matrix, 5, 9, 16), rounding(5, 9));
}

// Eckart and Young: no matrix of that rank is nearer than the largest singular values.
TEST(LowRank, IsNearlyAsGoodAsTheLargestSingularValues) {
  const std::vector<float> matrix = random_values(60 * 90, 4);
  using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Eigen::Map<const RowMajor> mapped(matrix.data(), 60, 90);
  const Eigen::VectorXd values = singular_values(mapped.cast<double>()).values;
  const double best = values.tail(60 - 10).norm() / values.norm();
  const double found = relative_error(matrix, 60, 90, 10);
  EXPECT_GE(found, best * (1 - 1e-6));
  EXPECT_LE(found, best * 1.02);  // noise has the flattest spectrum, the worst case
}

// 1.2 million elements: more than are looked at at once.
TEST(LowRank, ResidualIsOfAllRows) {
  constexpr std::size_t kRows = 2400;
  constexpr std::size_t kColumns = 500;
  const std::vector<float> matrix = random_values(kRows * kColumns, 5);
  const LowRankFactors factors{1, random_values(kColumns, 6), random_values(kRows, 7)};
  double residual = 0;
  for (std::size_t i = 0; i < matrix.size(); ++i) {
    const double product = double{factors.b[i / kColumns]} * double{factors.a[i % kColumns]};
    residual += (double{matrix[i]} - product) * (double{matrix[i]} - product);
  }
  const SquaredNorms norms = residual_of({matrix, kRows, kColumns}, factors);
  EXPECT_NEAR(norms.residual, residual, 1e-6 * residual);  // of products in float32
}

TEST(LowRank, ZerosStayZeros) {
  const std::vector<float> zeros(12 * 20);
  const LowRankFactors factors = factorize({std::span(zeros), 12, 20}, 2, 3);
  for (const float value : factors.a) EXPECT_EQ(value, 0.0F);
  for (const float value : factors.b) EXPECT_EQ(value, 0.0F);
}

}  // namespace
}  // namespace vlm
