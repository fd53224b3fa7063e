#pragma once

// What all calls of OpenBLAS need.

#include <cstddef>

#include <cblas.h>

namespace vlm {

// Gives OpenBLAS one thread (parallel loops are above it) and, where it does not know the processor
// and has fallen back to its oldest kernels, the kernels of the instruction set the processor has:
// OpenBLAS 0.3.21 takes Intel models from 2023 on for a Pentium 4, at a quarter of the speed.
// The environment variable OPENBLAS_CORETYPE goes before. Cheap after the first call; thread-safe,
// but no other thread may be inside OpenBLAS during the first.
void prepare_blas();

// Sizes as OpenBLAS takes them.
inline blasint blas_int(std::size_t value) {
  return static_cast<blasint>(value);
}

}  // namespace vlm
