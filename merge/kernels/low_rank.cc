#include "merge/kernels/low_rank.h"

#include <algorithm>
#include <cmath>

#include <Eigen/Dense>

#include "core/check.h"
#include "core/philox.h"
#include "tensor/gemm.h"

namespace vlm {
namespace {

constexpr std::size_t kOversampling = 8;
constexpr int kSubspaceSteps = 2;
constexpr std::size_t kElementsAtOnce = std::size_t{1} << 20U;

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Eigen::Index;
using Eigen::MatrixXd;

// Directions as rows of a matrix [count, length].
class Directions {
 public:
  Directions(std::size_t count, std::size_t length)
      : values_(count * length), count_(count), length_(length) {}

  [[nodiscard]] MatrixView<float> view() { return {std::span(values_), count_, length_}; }
  [[nodiscard]] MatrixView<const float> view() const {
    return {std::span<const float>(values_), count_, length_};
  }
  // [length, count], in double.
  [[nodiscard]] MatrixXd columns() const {
    const Eigen::Map<const RowMajor> rows(values_.data(), static_cast<Index>(count_),
                                          static_cast<Index>(length_));
    return rows.transpose().cast<double>();
  }
  // Replaces the rows by an orthonormal basis of what they span.
  void orthonormalise() {
    const MatrixXd basis = orthonormal_basis();
    Eigen::Map<RowMajor>(values_.data(), static_cast<Index>(count_), static_cast<Index>(length_)) =
        basis.transpose().cast<float>();
  }

 private:
  [[nodiscard]] MatrixXd orthonormal_basis() const {
    const Eigen::HouseholderQR<MatrixXd> qr(columns());
    return qr.householderQ() *
           MatrixXd::Identity(static_cast<Index>(length_), static_cast<Index>(count_));
  }

  std::vector<float> values_;
  std::size_t count_;
  std::size_t length_;
};

Directions random_directions(std::size_t count, std::size_t length, std::uint64_t key) {
  Directions directions(count, length);
  for (std::size_t row = 0; row < count; ++row) {
    RandomStream stream(key, row);
    for (float& value : directions.view().row(row)) value = static_cast<float>(stream.normal());
  }
  return directions;
}

// The images of directions: rows d become (matrix d)^T.
Directions images(MatrixView<const float> matrix, const Directions& directions) {
  Directions result(directions.view().rows(), matrix.rows());
  multiply_transposed_scaled(1.0F, directions.view(), matrix, result.view());
  return result;
}

// Rows q become q^T matrix.
Directions projections(MatrixView<const float> matrix, const Directions& basis) {
  Directions result(basis.view().rows(), matrix.cols());
  multiply(basis.view(), matrix, result.view());
  return result;
}

void store(const MatrixXd& values, std::vector<float>& out) {
  out.resize(static_cast<std::size_t>(values.size()));
  Eigen::Map<RowMajor>(out.data(), values.rows(), values.cols()) = values.cast<float>();
}

// basis^T (basis matrix) by its largest singular values.
LowRankFactors cut(const Directions& basis, const Directions& projected, std::size_t rank) {
  const MatrixXd transposed = projected.columns();  // [columns, directions]
  const Eigen::HouseholderQR<MatrixXd> qr(transposed);
  const Index count = transposed.cols();
  const MatrixXd right = qr.householderQ() * MatrixXd::Identity(transposed.rows(), count);
  const MatrixXd triangle = qr.matrixQR().topRows(count).triangularView<Eigen::Upper>();
  const Eigen::JacobiSVD<MatrixXd> svd(triangle.transpose(),
                                       Eigen::ComputeThinU | Eigen::ComputeThinV);
  const auto kept = static_cast<Index>(rank);
  const Eigen::VectorXd roots = svd.singularValues().head(kept).cwiseSqrt();
  LowRankFactors factors;
  factors.rank = rank;
  store(roots.asDiagonal() * (right * svd.matrixV().leftCols(kept)).transpose(), factors.a);
  store((basis.columns() * svd.matrixU().leftCols(kept)) * roots.asDiagonal(), factors.b);
  return factors;
}

// Of values, and of their differences from as many others.
void add_squares(MatrixView<const float> matrix, std::span<const float> approximations,
                 SquaredNorms& norms) {
  for (std::size_t row = 0; row < matrix.rows(); ++row) {
    for (std::size_t col = 0; col < matrix.cols(); ++col) {
      const double value = matrix.row(row)[col];
      const double difference = value - approximations[row * matrix.cols() + col];
      norms.matrix += value * value;
      norms.residual += difference * difference;
    }
  }
}

}  // namespace

LowRankFactors factorize(MatrixView<const float> matrix, std::size_t rank, std::uint64_t key) {
  const std::size_t smaller = std::min(matrix.rows(), matrix.cols());
  check(rank > 0 && smaller > 0, "factorize: a rank and a matrix");
  const std::size_t count = std::min(rank + kOversampling, smaller);
  Directions basis = images(matrix, random_directions(count, matrix.cols(), key));
  basis.orthonormalise();
  Directions projected = projections(matrix, basis);
  for (int step = 0; step < kSubspaceSteps; ++step) {
    projected.orthonormalise();
    basis = images(matrix, projected);
    basis.orthonormalise();
    projected = projections(matrix, basis);
  }
  return cut(basis, projected, std::min(rank, smaller));
}

std::uint64_t factorize_bytes(std::size_t rows, std::size_t cols, std::size_t rank) {
  const std::size_t in_double = std::max(3 * std::max(rows, cols), 3 * cols + 2 * rows);
  const std::uint64_t directions = std::min(rank + kOversampling, std::min(rows, cols));
  // Two bases in float32. In double the columns of one, their decomposition and what its rotations
  // make; at the end also the columns of the other one and their product.
  return directions * ((rows + cols) * sizeof(float) + in_double * sizeof(double)) +
         rank * (rows + cols) * sizeof(float) + kElementsAtOnce * sizeof(float);
}

SquaredNorms residual_of(MatrixView<const float> matrix, const LowRankFactors& factors) {
  const std::size_t most_rows = std::max<std::size_t>(1, kElementsAtOnce / matrix.cols());
  std::vector<float> product(std::min(most_rows, matrix.rows()) * matrix.cols());
  const MatrixView<const float> left(factors.b, matrix.rows(), factors.rank);
  const MatrixView<const float> right(factors.a, factors.rank, matrix.cols());
  SquaredNorms norms;
  for (std::size_t first = 0; first < matrix.rows(); first += most_rows) {
    const std::size_t rows = std::min(most_rows, matrix.rows() - first);
    const std::span<float> approximations = std::span(product).first(rows * matrix.cols());
    multiply(left.rows(first, rows), right, {approximations, rows, matrix.cols()});
    add_squares(matrix.rows(first, rows), approximations, norms);
  }
  return norms;
}

}  // namespace vlm
