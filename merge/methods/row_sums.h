#pragma once

// Sums over the rows of a matrix, of each column.

#include <algorithm>
#include <cstddef>
#include <vector>

#include "merge/block_loop.h"

namespace vlm {

// Shows all rows of `columns` elements to copies of `zero`, by add_row(block), and returns their
// sum, by add(more): the rows are cut into sixteen pieces, which are summed for themselves, then in
// order, so that the sum does not depend on the threads. REQUIRES: columns divide the tensor.
template <typename Sums>
Sums sum_over_rows(const TensorMerge& task, std::size_t columns, const Sums& zero,
                   ThreadPool& pool) {
  constexpr std::size_t kPieces = 16;
  const std::size_t rows = elements_of(task) / columns;
  const std::size_t pieces = std::clamp<std::size_t>(rows, 1, kPieces);
  std::vector<Sums> sums(pieces, zero);
  pool.parallel_for(pieces, [&](std::size_t piece) {
    InputBlockReader reader(task, columns);
    for (std::size_t row = piece * rows / pieces; row < (piece + 1) * rows / pieces; ++row) {
      sums[piece].add_row(reader.read(row * columns, columns));
    }
  });
  for (std::size_t piece = 1; piece < pieces; ++piece) sums.front().add(sums[piece]);
  return sums.front();
}

}  // namespace vlm
