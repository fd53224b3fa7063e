#pragma once

// Rows of a matrix shared out between threads, for work that costs little for each element.

#include <algorithm>
#include <cstddef>

#include "core/divide_up.h"
#include "core/thread_pool.h"
#include "tensor/matrix_view.h"

namespace vlm {

// Calls work(first, count) for ranges that cover the rows of x once, each worth handing to a
// thread. REQUIRES: x has columns.
template <typename Work>
void for_row_ranges(MatrixView<const float> x, ThreadPool& pool, const Work& work) {
  constexpr std::size_t kRangeElements = std::size_t{1} << 14U;
  const std::size_t rows = std::max<std::size_t>(1, kRangeElements / x.cols());
  pool.parallel_for(divide_up(x.rows(), rows), [&](std::size_t range) {
    work(range * rows, std::min(rows, x.rows() - range * rows));
  });
}

}  // namespace vlm
