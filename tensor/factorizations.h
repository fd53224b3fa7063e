#pragma once

// Cholesky factors of symmetric matrices in double, by LAPACK (of OpenBLAS) on the calling thread.

#include "tensor/matrix_view.h"

namespace vlm {

// The lower triangle becomes that of L, matrix = L L^T; what is above stays. Returns false, and
// leaves nothing of use, if the matrix is not positive definite or not finite. REQUIRES: square.
bool factorize_cholesky(MatrixView<double> matrix);

// rows = rows * L^-T (rows * L^-1), L the lower triangle of a square matrix.
void divide_by_lower_transposed(MatrixView<const double> lower, MatrixView<double> rows);
void divide_by_lower(MatrixView<const double> lower, MatrixView<double> rows);

}  // namespace vlm
