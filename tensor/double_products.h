#pragma once

// Dense products in double by OpenBLAS, on the calling thread. `out` must not overlap the inputs.

#include "tensor/matrix_view.h"

namespace vlm {

// out = x * y: x [m, k], y [k, n], out [m, n].
void multiply(MatrixView<const double> x, MatrixView<const double> y, MatrixView<double> out);

// out = x * y^T: x [m, k], y [n, k], out [m, n].
void multiply_transposed(MatrixView<const double> x, MatrixView<const double> y,
                         MatrixView<double> out);

// out += x * y
void add_product(MatrixView<const double> x, MatrixView<const double> y, MatrixView<double> out);

// out += x^T * y: x [k, m], y [k, n], out [m, n].
void add_transposed_product(MatrixView<const double> x, MatrixView<const double> y,
                            MatrixView<double> out);

// out -= x * y
void subtract_product(MatrixView<const double> x, MatrixView<const double> y,
                      MatrixView<double> out);

// out -= x * y^T: x [m, k], y [n, k], out [m, n].
void subtract_product_transposed(MatrixView<const double> x, MatrixView<const double> y,
                                 MatrixView<double> out);

}  // namespace vlm
