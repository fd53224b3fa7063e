#pragma once

#include <cstddef>

#include <gtest/gtest.h>

#include "tensor/matrix.h"

namespace vlm {

// Expects that write(columns 1 ... 10 of 12, in three rows) changes these and none beside them.
template <typename Write>
void expect_only_its_columns_written(const Write& write) {
  Matrix<float> wide(3, 12);
  for (float& value : wide.values()) value = 7.0F;
  write(wide.view().columns(1, 10));
  for (std::size_t r = 0; r < 3; ++r) {
    EXPECT_EQ(wide.row(r)[0], 7.0F);
    EXPECT_EQ(wide.row(r)[11], 7.0F);
    EXPECT_NE(wide.row(r)[1], 7.0F);
  }
}

}  // namespace vlm
