#pragma once

// The best approximation of a matrix by one of low rank, found by random projection.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tensor/matrix_view.h"

namespace vlm {

// matrix is nearly b a. The singular values are shared out evenly: a = sqrt(S) V^T, b = U sqrt(S).
struct LowRankFactors {
  std::size_t rank = 0;
  std::vector<float> a;  // [rank, columns]
  std::vector<float> b;  // [rows, rank]
};

// Halko, Martinsson and Tropp, SIAM Review 2011, "Finding structure with randomness",
// algorithms 4.4 (subspace iteration, here two steps) and 5.1, with 8 directions more than the
// rank. A matrix of at most that rank is recovered to float32 rounding; for others the error is
// close to that of the largest singular values. The rank is at most the smaller side. Same key,
// same result. Runs on the calling thread. REQUIRES: rank > 0, elements that are finite.
LowRankFactors factorize(MatrixView<const float> matrix, std::size_t rank, std::uint64_t key);

// Memory that factorize(), its result and residual_of() take of a matrix of that size.
std::uint64_t factorize_bytes(std::size_t rows, std::size_t cols, std::size_t rank);

struct SquaredNorms {
  double matrix = 0;
  double residual = 0;  // of matrix - b a
};

// Sums of squares in double. REQUIRES: shapes that fit.
SquaredNorms residual_of(MatrixView<const float> matrix, const LowRankFactors& factors);

}  // namespace vlm
