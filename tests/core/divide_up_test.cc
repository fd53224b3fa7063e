#include "core/divide_up.h"

#include <gtest/gtest.h>

namespace vlm {
namespace {

TEST(DivideUp, CoversAllWithoutAPieceTooMany) {
  EXPECT_EQ(divide_up(0, 4), 0U);
  EXPECT_EQ(divide_up(1, 4), 1U);
  EXPECT_EQ(divide_up(4, 4), 1U);
  EXPECT_EQ(divide_up(5, 4), 2U);
}

}  // namespace
}  // namespace vlm
