#include "merge/kernels/symmetric_tiles.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/check.h"
#include "core/divide_up.h"
#include "core/philox.h"
#include "tensor/double_products.h"
#include "tensor/factorizations.h"

namespace vlm {
namespace {

constexpr int kPowerSteps = 20;

// Row and column of the tiles on and below the diagonal.
struct TilePlace {
  std::size_t row = 0;
  std::size_t col = 0;
};
std::vector<TilePlace> places(std::size_t first, std::size_t count) {
  std::vector<TilePlace> all;
  for (std::size_t row = first; row < count; ++row) {
    for (std::size_t col = first; col <= row; ++col) all.push_back({row, col});
  }
  return all;
}

}  // namespace

SymmetricTiles::SymmetricTiles(std::size_t size, std::pmr::memory_resource& memory)
    : size_(size), values_(1, begin_of(count(), 0), memory) {}

// All rows of tiles but the last one have tiles of the full height, all of a row but its last one
// the full width.
std::size_t SymmetricTiles::begin_of(std::size_t row, std::size_t col) const noexcept {
  if (row == count() && row > 0)
    return begin_of(row - 1, row - 1) + width(row - 1) * width(row - 1);
  return row * (row + 1) / 2 * kTile * kTile + col * kTile * width(row);
}

std::size_t SymmetricTiles::size_bytes(std::size_t size) noexcept {
  const std::size_t count = divide_up(size, kTile);
  return count * (count + 1) / 2 * kTile * kTile * sizeof(double);
}

std::size_t SymmetricTiles::width(std::size_t index) const noexcept {
  return std::min(kTile, size_ - index * kTile);
}

MatrixView<double> SymmetricTiles::tile(std::size_t row, std::size_t col) {
  return {values_.values().subspan(begin_of(row, col)), width(row), width(col)};
}

MatrixView<const double> SymmetricTiles::tile(std::size_t row, std::size_t col) const {
  return {values_.values().subspan(begin_of(row, col)), width(row), width(col)};
}

void SymmetricTiles::add_products(MatrixView<const double> rows, ThreadPool& pool) {
  check(rows.cols() == size_, "SymmetricTiles::add_products: rows of its size");
  const std::vector<TilePlace> all = places(0, count());
  pool.parallel_for(all.size(), [&](std::size_t i) {
    const auto [row, col] = all[i];
    add_transposed_product(rows.columns(row * kTile, width(row)),
                           rows.columns(col * kTile, width(col)), tile(row, col));
  });
}

void SymmetricTiles::add(const SymmetricTiles& other, double factor) {
  check(other.size_ == size_, "SymmetricTiles::add: the same size");
  const std::span<const double> from = other.values_.values();
  const std::span<double> to = values_.values();
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += factor * from[i];
}

void SymmetricTiles::add_to_diagonal(double value) {
  for (std::size_t i = 0; i < size_; ++i)
    tile(i / kTile, i / kTile).row(i % kTile)[i % kTile] += value;
}

void SymmetricTiles::scale(const std::function<double(std::size_t place)>& factor) {
  std::vector<double> factors(size_);
  for (std::size_t i = 0; i < size_; ++i) factors[i] = factor(i);
  for (const auto [row, col] : places(0, count())) {
    const MatrixView<double> each = tile(row, col);
    for (std::size_t i = 0; i < each.rows(); ++i) {
      for (std::size_t j = 0; j < each.cols(); ++j) {
        each.row(i)[j] *= factors[row * kTile + i] * factors[col * kTile + j];
      }
    }
  }
}

double SymmetricTiles::at(std::size_t row, std::size_t col) const {
  if (row / kTile < col / kTile) std::swap(row, col);
  // Within a tile of the diagonal both halves are there.
  return tile(row / kTile, col / kTile).row(row % kTile)[col % kTile];
}

void SymmetricTiles::copy(std::size_t row, std::size_t col, MatrixView<double> out) const {
  for (std::size_t i = 0; i < out.rows(); ++i) {
    const auto to = out.row(i);
    for (std::size_t j = 0; j < to.size(); ++j) to[j] = at(row + i, col + j);
  }
}

Matrix<double> SymmetricTiles::dense() const {
  Matrix<double> all(size_, size_, values_.memory());
  for (const auto [row, col] : places(0, count())) {
    const auto from = tile(row, col);
    for (std::size_t i = 0; i < from.rows(); ++i) {
      const auto values = from.row(i);
      std::ranges::copy(values, all.view().row(row * kTile + i).begin() +
                                    static_cast<std::ptrdiff_t>(col * kTile));
      for (std::size_t j = 0; j < values.size(); ++j) {
        all.view().row(col * kTile + j)[row * kTile + i] = values[j];
      }
    }
  }
  return all;
}

bool SymmetricTiles::is_finite() const {
  return std::ranges::all_of(values_.values(), [](double value) { return std::isfinite(value); });
}

std::vector<double> SymmetricTiles::times(const std::vector<double>& vector) const {
  std::vector<double> product(size_);
  for (const auto [row, col] : places(0, count())) {
    const auto values = tile(row, col);
    for (std::size_t i = 0; i < values.rows(); ++i) {
      const auto each = values.row(i);
      const std::size_t place = row * kTile + i;
      product[place] += std::inner_product(
          each.begin(), each.end(), vector.begin() + static_cast<std::ptrdiff_t>(col * kTile), 0.0);
      for (std::size_t j = 0; j < each.size() && row != col; ++j) {
        product[col * kTile + j] += each[j] * vector[place];
      }
    }
  }
  return product;
}

double SymmetricTiles::estimate_largest_eigenvalue() const {
  RandomStream random(philox_key(0, "power iteration"), 0);
  std::vector<double> vector(size_);
  for (double& value : vector) value = random.normal();
  double norm = 0;
  for (int step = 0; step < kPowerSteps; ++step) {
    norm = std::sqrt(std::inner_product(vector.begin(), vector.end(), vector.begin(), 0.0));
    if (norm == 0) return 0;
    for (double& value : vector) value /= norm;
    vector = times(vector);
  }
  return std::sqrt(std::inner_product(vector.begin(), vector.end(), vector.begin(), 0.0));
}

bool SymmetricTiles::factorize(ThreadPool& pool) {
  for (std::size_t step = 0; step < count(); ++step) {
    if (!factorize_cholesky(tile(step, step))) return false;
    const std::size_t below = count() - step - 1;
    pool.parallel_for(below, [&](std::size_t i) {
      divide_by_lower_transposed(tile(step, step), tile(step + 1 + i, step));
    });
    const std::vector<TilePlace> rest = places(step + 1, count());
    pool.parallel_for(rest.size(), [&](std::size_t i) {
      const auto [row, col] = rest[i];
      subtract_product_transposed(tile(row, step), tile(col, step), tile(row, col));
    });
  }
  return true;
}

void SymmetricTiles::solve(MatrixView<double> rows) const {
  check(rows.cols() == size_, "SymmetricTiles::solve: rows of its size");
  const auto part = [&](std::size_t index) { return rows.columns(index * kTile, width(index)); };
  for (std::size_t col = 0; col < count(); ++col) {
    for (std::size_t before = 0; before < col; ++before) {
      subtract_product_transposed(part(before), tile(col, before), part(col));
    }
    divide_by_lower_transposed(tile(col, col), part(col));
  }
  for (std::size_t col = count(); col-- > 0;) {
    for (std::size_t after = col + 1; after < count(); ++after) {
      subtract_product(part(after), tile(after, col), part(col));
    }
    divide_by_lower(tile(col, col), part(col));
  }
}

}  // namespace vlm
