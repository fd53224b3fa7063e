#include "merge/kernels/symmetric_tiles.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "core/philox.h"

namespace vlm {
namespace {

Matrix<double> random_matrix(std::size_t rows, std::size_t cols, const char* purpose) {
  RandomStream random(philox_key(0, purpose), 0);
  Matrix<double> made(rows, cols);
  for (std::size_t i = 0; i < rows; ++i) {
    for (double& value : made.view().row(i)) value = random.normal();
  }
  return made;
}

// More than two tiles, the last one narrow.
constexpr std::size_t kSize = 2 * SymmetricTiles::kTile + 3;

class Tiles : public testing::Test {
 protected:
  Tiles() { tiles_.add_products(rows_.view(), pool_); }

  [[nodiscard]] double product(std::size_t i, std::size_t j) const {
    double sum = 0;
    for (std::size_t row = 0; row < rows_.rows(); ++row) {
      sum += rows_.view().row(row)[i] * rows_.view().row(row)[j];
    }
    return sum;
  }

  ThreadPool pool_{2};
  [[nodiscard]] SymmetricTiles copy() const {
    SymmetricTiles same(kSize);
    same.add(tiles_, 1);
    return same;
  }

  const Matrix<double> rows_ = random_matrix(20, kSize, "rows");
  SymmetricTiles tiles_{kSize};
};

TEST_F(Tiles, AreTheInnerProductsOnBothSidesOfTheDiagonal) {
  const Matrix<double> dense = tiles_.dense();
  Matrix<double> part(2, 3);
  tiles_.copy(600, 1, part.view());
  for (const std::size_t i : {0U, 511U, 512U, 600U, 1026U}) {
    for (const std::size_t j : {0U, 2U, 511U, 512U, 1026U}) {
      EXPECT_NEAR(tiles_.at(i, j), product(i, j), 1e-12);
      EXPECT_EQ(dense.view().row(i)[j], tiles_.at(i, j));
    }
  }
  EXPECT_EQ(part.view().row(1)[2], tiles_.at(601, 3));
  EXPECT_TRUE(tiles_.is_finite());
}

TEST_F(Tiles, SolvedTimesTheMatrixIsTheRightSide) {
  tiles_.add_to_diagonal(10);
  const SymmetricTiles matrix = copy();
  ASSERT_TRUE(tiles_.factorize(pool_));
  const Matrix<double> right = random_matrix(2, kSize, "right");
  Matrix<double> solved = right.clone();
  tiles_.solve(solved.view());
  for (std::size_t i = 0; i < right.rows(); ++i) {
    for (const std::size_t j : {0U, 511U, 600U, 1026U}) {
      double sum = 0;
      for (std::size_t k = 0; k < kSize; ++k) sum += solved.view().row(i)[k] * matrix.at(k, j);
      EXPECT_NEAR(sum, right.view().row(i)[j], 1e-10);
    }
  }
}

TEST_F(Tiles, WhatIsNotPositiveDefiniteHasNoFactor) {
  SymmetricTiles negative = copy();
  negative.add_to_diagonal(-1);
  EXPECT_FALSE(negative.factorize(pool_));
  SymmetricTiles broken = copy();
  broken.add_to_diagonal(std::numeric_limits<double>::quiet_NaN());
  EXPECT_FALSE(broken.is_finite());
  EXPECT_FALSE(broken.factorize(pool_));
}

TEST_F(Tiles, TheLargestEigenvalueIsFoundFromBelow) {
  SymmetricTiles one(3);
  Matrix<double> row(1, 3);
  row.view().row(0)[0] = 3;
  row.view().row(0)[2] = 4;
  one.add_products(row.view(), pool_);
  EXPECT_NEAR(one.estimate_largest_eigenvalue(), 25, 1e-9);
  EXPECT_EQ(SymmetricTiles(4).estimate_largest_eigenvalue(), 0);
}

TEST_F(Tiles, DoNotDependOnTheThreads) {
  ThreadPool alone(1);
  SymmetricTiles other(kSize);
  other.add_products(rows_.view(), alone);
  tiles_.add_to_diagonal(10);
  other.add_to_diagonal(10);
  ASSERT_TRUE(tiles_.factorize(pool_));
  ASSERT_TRUE(other.factorize(alone));
  for (std::size_t i = 0; i < kSize; i += 7) EXPECT_EQ(tiles_.at(i, i / 2), other.at(i, i / 2));
}

}  // namespace
}  // namespace vlm
