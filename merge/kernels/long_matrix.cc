#include "merge/kernels/long_matrix.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/check.h"
#include "core/divide_up.h"
#include "tensor/double_products.h"
#include "tensor/eigenvectors.h"

namespace vlm {
namespace {

constexpr std::size_t kPanelRows = 512;
constexpr std::size_t kStripe = 256;  // rows or columns of what one thread multiplies
// Values that are good enough are above so much of the largest that was found with them.
constexpr double kGood = 1e-4;
constexpr double kNegligible = 1e-12;  // of the largest of all

void scale_row(std::span<double> row, double factor) {
  for (double& value : row) value *= factor;
}

// Eigenvectors of a Gram matrix, largest singular value first.
RightVectors decompose(Matrix<double> gram, const ThreadPool& pool) {
  RightVectors parts{decompose_symmetric(gram.view(), pool, gram.memory()), std::move(gram)};
  std::ranges::reverse(parts.values);
  for (double& value : parts.values) value = std::sqrt(std::max(value, 0.0));
  const MatrixView<double> rows = parts.vectors.view();
  for (std::size_t i = 0; i < rows.rows() / 2; ++i) {
    std::ranges::swap_ranges(rows.row(i), rows.row(rows.rows() - 1 - i));
  }
  return parts;
}

// matrix * vectors^T
LongMatrix product(const LongMatrix& matrix, MatrixView<const double> vectors) {
  const auto read = [&matrix, vectors](std::size_t first, MatrixView<double> out,
                                       ThreadPool& pool) {
    Matrix<double> rows(out.rows(), matrix.width);
    matrix.read(first, rows.view(), pool);
    const std::size_t stripes = divide_up(out.cols(), kStripe);
    pool.parallel_for(stripes, [&](std::size_t i) {
      const std::size_t begin = i * kStripe;
      const std::size_t count = std::min(kStripe, out.cols() - begin);
      multiply_transposed(std::as_const(rows).view(), vectors.rows(begin, count),
                          out.columns(begin, count));
    });
  };
  return {matrix.length, vectors.rows(), read, matrix.memory};
}

// Finds the parts from number `first` on again, within what their vectors span.
void refine(const LongMatrix& matrix, std::size_t first, RightVectors& parts, ThreadPool& pool) {
  const std::size_t count = parts.values.size() - first;
  const MatrixView<double> vectors = parts.vectors.view().rows(first, count);
  Matrix<double> gram = inner_products(product(matrix, vectors), pool).dense();
  const RightVectors inner = decompose(std::move(gram), pool);
  std::ranges::copy(inner.values, parts.values.begin() + static_cast<std::ptrdiff_t>(first));
  Matrix<double> turned(count, vectors.cols(), *matrix.memory);
  multiply(inner.vectors.view(), vectors, turned.view(), pool);
  for (std::size_t i = 0; i < count; ++i) {
    std::ranges::copy(turned.view().row(i), vectors.row(i).begin());
  }
}

// Calls use(rows) for panels of consecutive rows, in order.
void for_each_panel(const LongMatrix& matrix, ThreadPool& pool,
                    const std::function<void(MatrixView<const double> rows)>& use) {
  Matrix<double> panel(std::min(kPanelRows, matrix.length), matrix.width, *matrix.memory);
  for (std::size_t first = 0; first < matrix.length; first += kPanelRows) {
    const auto rows = panel.first_rows(std::min(kPanelRows, matrix.length - first));
    std::ranges::fill(panel.values(), 0.0);
    matrix.read(first, rows, pool);
    use(rows);
  }
}

RightVectors not_a_number(std::size_t width, std::pmr::memory_resource& memory) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  RightVectors parts{std::vector<double>(width, kNaN), Matrix<double>(width, width, memory)};
  for (std::size_t i = 0; i < width; ++i) std::ranges::fill(parts.vectors.view().row(i), kNaN);
  return parts;
}

}  // namespace

std::uint64_t panel_bytes(std::size_t width) noexcept {
  return std::uint64_t{kPanelRows} * width * sizeof(double);
}

SymmetricTiles inner_products(const LongMatrix& matrix, ThreadPool& pool) {
  SymmetricTiles products(matrix.width, *matrix.memory);
  for_each_panel(matrix, pool,
                 [&](MatrixView<const double> rows) { products.add_products(rows, pool); });
  return products;
}

RightVectors find_right_vectors(const LongMatrix& matrix, ThreadPool& pool) {
  const auto dense = [&] {
    const SymmetricTiles products = inner_products(matrix, pool);
    return products.is_finite() ? products.dense() : Matrix<double>();
  };
  Matrix<double> gram = dense();
  if (gram.rows() != matrix.width) return not_a_number(matrix.width, *matrix.memory);
  RightVectors parts = decompose(std::move(gram), pool);
  std::vector<double>& values = parts.values;
  for (std::size_t first = 0; first < values.size();) {
    if (values[first] <= kNegligible * values.front()) {
      std::fill(values.begin() + static_cast<std::ptrdiff_t>(first), values.end(), 0.0);
      break;
    }
    const double smallest = kGood * values[first];
    while (first < values.size() && values[first] > smallest) ++first;
    if (first < values.size()) refine(matrix, first, parts, pool);
  }
  return parts;
}

Matrix<double> inverse_root(RightVectors parts, ThreadPool& pool) {
  SymmetricTiles sum(parts.vectors.cols(), parts.vectors.memory());
  {
    Matrix<double> vectors = std::move(parts.vectors);
    std::size_t count = 0;
    for (; count < parts.values.size() && parts.values[count] != 0; ++count) {
      scale_row(vectors.view().row(count), std::sqrt(1 / parts.values[count]));
    }
    sum.add_products(vectors.view().rows(0, count), pool);
  }
  return sum.dense();
}

void multiply(MatrixView<const double> x, MatrixView<const double> y, MatrixView<double> out,
              ThreadPool& pool) {
  const std::size_t stripes = divide_up(x.rows(), kStripe);
  pool.parallel_for(stripes, [&](std::size_t i) {
    const std::size_t begin = i * kStripe;
    const std::size_t count = std::min(kStripe, x.rows() - begin);
    multiply(x.rows(begin, count), y, out.rows(begin, count));
  });
}

}  // namespace vlm
