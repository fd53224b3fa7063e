#pragma once

// Eigenvectors of symmetric matrices in double, by LAPACK (of OpenBLAS) on the calling thread.

#include <memory_resource>
#include <vector>

#include "core/thread_pool.h"
#include "tensor/matrix_view.h"

namespace vlm {

// The eigenvalues of a symmetric matrix, smallest first; its rows become the eigenvectors, in that
// order. Values and vectors are those of LAPACK's dsyevd, whose steps these are; between parts of
// them the pool is asked whether to stop (ThreadPool::check_stop()). Takes twice the memory of the
// matrix beside it, of `memory`. REQUIRES: square, contiguous, finite, squares far from the limits
// of double.
std::vector<double> decompose_symmetric(
    MatrixView<double> matrix, const ThreadPool& pool,
    std::pmr::memory_resource& memory = *std::pmr::new_delete_resource());

}  // namespace vlm
