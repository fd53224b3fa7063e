#pragma once

// A symmetric matrix of inner products in square tiles, of which only those on and below the
// diagonal are kept: half the memory, and work that threads share without changing a sum.

#include <cstddef>
#include <functional>
#include <memory_resource>
#include <vector>

#include "core/divide_up.h"
#include "core/thread_pool.h"
#include "tensor/matrix.h"

namespace vlm {

class SymmetricTiles {
 public:
  static constexpr std::size_t kTile = 512;  // rows and columns of all but the last ones

  // Of zeros, in `memory`.
  explicit SymmetricTiles(std::size_t size,
                          std::pmr::memory_resource& memory = *std::pmr::new_delete_resource());

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] static std::size_t size_bytes(std::size_t size) noexcept;

  // Adds rows^T rows: rows [any, size].
  void add_products(MatrixView<const double> rows, ThreadPool& pool);
  // Adds `factor` times another of the same size.
  void add(const SymmetricTiles& other, double factor);
  void add_to_diagonal(double value);
  // Multiplies each element by the factor of its row and that of its column.
  void scale(const std::function<double(std::size_t place)>& factor);
  [[nodiscard]] double at(std::size_t row, std::size_t col) const;
  // Elements of rows [row, row + out.rows()) and columns [col, col + out.cols()).
  void copy(std::size_t row, std::size_t col, MatrixView<double> out) const;
  // All of it, in the same memory.
  [[nodiscard]] Matrix<double> dense() const;
  [[nodiscard]] bool is_finite() const;
  // About the largest eigenvalue, from below, of a matrix without negative ones: power iteration.
  [[nodiscard]] double estimate_largest_eigenvalue() const;

  // Cholesky's factor takes its place. Returns false, and leaves nothing of use, if it is not
  // positive definite or not finite.
  [[nodiscard]] bool factorize(ThreadPool& pool);
  // rows = rows * matrix^-1. REQUIRES: factorize(). Runs on the calling thread.
  void solve(MatrixView<double> rows) const;

 private:
  [[nodiscard]] std::size_t count() const noexcept { return divide_up(size_, kTile); }
  [[nodiscard]] std::size_t width(std::size_t index) const noexcept;
  // REQUIRES: row >= col.
  [[nodiscard]] MatrixView<double> tile(std::size_t row, std::size_t col);
  [[nodiscard]] MatrixView<const double> tile(std::size_t row, std::size_t col) const;
  [[nodiscard]] std::vector<double> times(const std::vector<double>& vector) const;

  // Where a tile is in `values_`.
  [[nodiscard]] std::size_t begin_of(std::size_t row, std::size_t col) const noexcept;

  std::size_t size_;
  // The tiles (0, 0), (1, 0), (1, 1), (2, 0) ... in one piece, which goes back to the system as a
  // whole: pieces of a tile's size would stay with the allocator.
  Matrix<double> values_;
};

}  // namespace vlm
