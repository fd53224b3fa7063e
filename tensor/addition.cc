#include "tensor/addition.h"

#include <cstddef>
#include <span>

#include "core/check.h"
#include "tensor/row_ranges.h"

namespace vlm {

void add_scaled(MatrixView<float> sum, float factor, MatrixView<const float> term,
                ThreadPool& pool) {
  check(sum.rows() == term.rows() && sum.cols() == term.cols(), "add_scaled: equal shapes");
  for_row_ranges(sum, pool, [&](std::size_t first, std::size_t count) {
    for (std::size_t r = first; r < first + count; ++r) {
      const std::span<float> row = sum.row(r);
      const std::span<const float> other = term.row(r);
      for (std::size_t c = 0; c < row.size(); ++c) row[c] += factor * other[c];
    }
  });
}

}  // namespace vlm
