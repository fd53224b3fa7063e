#pragma once

// Singular values and right singular vectors of matrices that are too long for memory: all that is
// kept is what has the size of their short side.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory_resource>
#include <vector>

#include "core/thread_pool.h"
#include "merge/kernels/symmetric_tiles.h"
#include "tensor/matrix.h"

namespace vlm {

// A matrix [length, width] that is made when it is read.
struct LongMatrix {
  std::size_t length = 0;
  std::size_t width = 0;
  // Writes rows [first, first + out.rows()) to `out`, which is filled with zeros before.
  std::function<void(std::size_t first, MatrixView<double> out, ThreadPool& pool)> read;
  // Where what is found in it lies, and what is needed meanwhile.
  std::pmr::memory_resource* memory = std::pmr::new_delete_resource();
};

// matrix^T matrix. Reads the matrix in panels, each of which takes panel_bytes().
std::uint64_t panel_bytes(std::size_t width) noexcept;
SymmetricTiles inner_products(const LongMatrix& matrix, ThreadPool& pool);

struct RightVectors {
  std::vector<double> values;  // singular values [width], largest first
  Matrix<double> vectors;      // [width, width]: of each value one row
};

// By the eigenvectors of the inner products. Those lose values below 1e-8 of the largest, so values
// far below the largest are found again from the products of the matrix with their vectors, as
// often as needed: vectors and values are then as good as those of a decomposition of the matrix
// itself. A value below 1e-12 of the largest is 0. All is NaN if an element is not finite. Reads
// the matrix once, then once more for each four digits between its values. Memory: four times
// width^2 doubles.
RightVectors find_right_vectors(const LongMatrix& matrix, ThreadPool& pool);

// (matrix^T matrix)^(-1/2), of directions that are not there 0: matrix times that is U V^T without
// them, the nearest matrix with orthonormal columns.
Matrix<double> inverse_root(RightVectors parts, ThreadPool& pool);

// out = x * y, cut into rows over the pool.
void multiply(MatrixView<const double> x, MatrixView<const double> y, MatrixView<double> out,
              ThreadPool& pool);

}  // namespace vlm
