#pragma once

// Matrices of normally distributed numbers, the same for the same seed.

#include <cstddef>
#include <cstdint>

#include "core/philox.h"
#include "tensor/matrix.h"

namespace vlm {

inline Matrix<float> random_matrix(std::size_t rows, std::size_t cols, std::uint64_t seed,
                                   double scale = 1.0) {
  RandomStream random(seed, 0);
  Matrix<float> matrix(rows, cols);
  for (float& value : matrix.values()) value = static_cast<float>(scale * random.normal());
  return matrix;
}

}  // namespace vlm
