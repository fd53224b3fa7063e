#pragma once

// Task vectors as matrices, for methods that decompose them (in double), without holding them.

#include <cstddef>
#include <cstdint>
#include <functional>

#include "merge/block_loop.h"
#include "merge/kernels/long_matrix.h"

namespace vlm {

// Whether a tensor is one of those that the methods of this family decompose; others get
// mean_delta().
bool is_decomposed(const TensorMerge& task);
// base + lambda mean_i d_i
BlockMerge mean_delta(const TensorMerge& task);

// Memory of a square matrix of doubles.
constexpr std::uint64_t square_bytes(std::uint64_t size) noexcept {
  return size * size * sizeof(double);
}
// What add_merged_rows() holds of a tensor whose deltas are transposed.
std::uint64_t transposed_result_bytes(const TensorMerge& task);
// Rows of a few matrices, and what OpenBLAS packs.
inline constexpr std::uint64_t kMatrixThreadBytes = 40'000'000;

// Numbers of operations for matrices [length, width], for estimates.
struct MatrixOperations {
  double length = 0;  // REQUIRES: not below the width
  double width = 0;

  // Of a task's deltas, which are turned so that they are not wider than long.
  static MatrixOperations of(const TensorMerge& task);

  // matrix^T matrix, of which half is computed.
  [[nodiscard]] double inner_products() const { return length * width * width; }
  // matrix times a square one
  [[nodiscard]] double product() const { return 2 * length * width * width; }
  // All eigenvectors of a square matrix: 4/3 n^3 for the tridiagonal form, about as much for its
  // eigenvectors, 2 n^3 for turning them back; as slow as so many in products.
  [[nodiscard]] double eigenvectors() const { return 9 * width * width * width; }
  // Of inverse_root(), from the eigenvectors.
  [[nodiscard]] double root() const { return width * width * width; }
};

// The deltas of a task's models, as they are or transposed. The task must outlive it.
class DeltaMatrices {
 public:
  // So that they are at least as long as they are wide.
  explicit DeltaMatrices(const TensorMerge& task);
  DeltaMatrices(const TensorMerge& task, bool is_transposed);

  [[nodiscard]] std::size_t length() const noexcept { return length_; }
  [[nodiscard]] std::size_t width() const noexcept { return width_; }
  [[nodiscard]] bool is_transposed() const noexcept { return is_transposed_; }
  [[nodiscard]] std::pmr::memory_resource& memory() const noexcept { return *task_.memory; }

  // The delta of one model; the sum of all. This object must outlive them.
  [[nodiscard]] LongMatrix of_model(std::size_t model) const;
  [[nodiscard]] LongMatrix sum() const;

  // Adds rows [first, first + out.rows()) of a model's delta to `out`.
  void add(std::size_t model, std::size_t first, MatrixView<double> out, ThreadPool& pool) const;

 private:
  void add_piece(std::size_t model, std::size_t first, std::size_t begin, std::size_t end,
                 MatrixView<double> out) const;

  const TensorMerge& task_;
  bool is_transposed_;
  std::size_t length_;
  std::size_t width_;
};

// Adds a model's delta in some rows of DeltaMatrices to `out`.
using AddDelta = std::function<void(std::size_t model, MatrixView<double> out)>;
// Writes the merged delta of the same rows to `out`, which is filled with zeros before. Runs on the
// calling thread; may be called from several at once.
using MergeRows = std::function<void(const AddDelta& add_delta, MatrixView<double> out)>;

// base + lambda times the merged delta, row after row. Of transposed deltas all is computed now and
// held in float32.
BlockMerge add_merged_rows(const TensorMerge& task, const DeltaMatrices& deltas, MergeRows merge,
                           ThreadPool& pool);

}  // namespace vlm
