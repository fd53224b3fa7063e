#pragma once

// Factorizations of symmetric matrices in double, by LAPACK (of OpenBLAS) on the calling thread.

#include <vector>

#include "tensor/matrix_view.h"

namespace vlm {

// The eigenvalues of a symmetric matrix, smallest first; its rows become the eigenvectors, in that
// order. Takes twice the memory of the matrix beside it. REQUIRES: square, contiguous, finite.
std::vector<double> decompose_symmetric(MatrixView<double> matrix);

// The lower triangle becomes that of L, matrix = L L^T; what is above stays. Returns false, and
// leaves nothing of use, if the matrix is not positive definite or not finite. REQUIRES: square.
bool factorize_cholesky(MatrixView<double> matrix);

// rows = rows * L^-T (rows * L^-1), L the lower triangle of a square matrix.
void divide_by_lower_transposed(MatrixView<const double> lower, MatrixView<double> rows);
void divide_by_lower(MatrixView<const double> lower, MatrixView<double> rows);

}  // namespace vlm
