#include "tensor/factorizations.h"

#include <array>
#include <limits>

#include <gtest/gtest.h>

#include "tensor/double_products.h"

namespace vlm {
namespace {

TEST(Cholesky, IsTheLowerTriangle) {
  std::array<double, 4> matrix{4, 99, 2, 5};  // [[2, 0], [1, 2]]; the 99 is not looked at
  ASSERT_TRUE(factorize_cholesky({matrix, 2, 2}));
  EXPECT_DOUBLE_EQ(matrix[0], 2);
  EXPECT_DOUBLE_EQ(matrix[2], 1);
  EXPECT_DOUBLE_EQ(matrix[3], 2);
}

TEST(Cholesky, RefusesWhatIsNotPositiveDefinite) {
  std::array<double, 4> negative{1, 2, 2, 1};
  EXPECT_FALSE(factorize_cholesky({negative, 2, 2}));
  std::array<double, 1> broken{std::numeric_limits<double>::quiet_NaN()};
  EXPECT_FALSE(factorize_cholesky({broken, 1, 1}));
}

TEST(Triangles, AreDividedBy) {
  const std::array<double, 4> lower{2, 99, 1, 4};
  std::array<double, 2> row{8, 6};
  divide_by_lower({lower, 2, 2}, {row, 1, 2});  // x L = (8, 6)
  EXPECT_DOUBLE_EQ(row[1], 1.5);
  EXPECT_DOUBLE_EQ(row[0], 3.25);
  row = {8, 6};
  divide_by_lower_transposed({lower, 2, 2}, {row, 1, 2});  // x L^T = (8, 6)
  EXPECT_DOUBLE_EQ(row[0], 4);
  EXPECT_DOUBLE_EQ(row[1], 0.5);
}

TEST(DoubleProducts, FollowTheirFormulas) {
  const std::array<double, 4> x{1, 2, 3, 4};
  const std::array<double, 4> y{5, 6, 7, 8};
  const MatrixView<const double> left(x.data(), 2, 2, 2);
  const MatrixView<const double> right(y.data(), 2, 2, 2);
  std::array<double, 4> out{};
  const MatrixView<double> result(out.data(), 2, 2, 2);
  multiply(left, right, result);
  EXPECT_EQ(out, (std::array<double, 4>{19, 22, 43, 50}));
  add_product(left, right, result);
  EXPECT_EQ(out, (std::array<double, 4>{38, 44, 86, 100}));
  subtract_product(left, right, result);
  EXPECT_EQ(out, (std::array<double, 4>{19, 22, 43, 50}));
  multiply_transposed(left, right, result);
  EXPECT_EQ(out, (std::array<double, 4>{17, 23, 39, 53}));
  subtract_product_transposed(left, right, result);
  EXPECT_EQ(out, (std::array<double, 4>{}));
  add_transposed_product(left, right, result);
  EXPECT_EQ(out, (std::array<double, 4>{26, 30, 38, 44}));
}

}  // namespace
}  // namespace vlm
