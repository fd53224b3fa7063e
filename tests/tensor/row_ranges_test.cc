#include "tensor/row_ranges.h"

#include <atomic>
#include <cstddef>
#include <vector>

#include <gtest/gtest.h>

#include "tensor/matrix.h"

namespace vlm {
namespace {

TEST(RowRanges, CoverEveryRowOnce) {
  ThreadPool pool(2);
  for (const std::size_t cols : {1U, 100U, 40000U}) {
    for (const std::size_t rows : {0U, 1U, 163U, 164U, 700U}) {
      const Matrix<float> x(rows, cols);
      std::vector<std::atomic<int>> covered(rows);
      for_row_ranges(x.view(), pool, [&](std::size_t first, std::size_t count) {
        for (std::size_t r = first; r < first + count; ++r) ++covered[r];
      });
      for (const std::atomic<int>& times : covered) EXPECT_EQ(times, 1);
    }
  }
}

}  // namespace
}  // namespace vlm
