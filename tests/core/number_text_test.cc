#include "core/number_text.h"

#include <gtest/gtest.h>

namespace vlm {
namespace {

TEST(NumberText, IsShort) {
  EXPECT_EQ(number_text(0.5), "0.5");
  EXPECT_EQ(number_text(-3), "-3");
  EXPECT_EQ(number_text(1000), "1000");
  EXPECT_EQ(number_text(1.0 / 3), "0.333333");
}

TEST(NumberText, HasAnExponentWhereDigitsWouldBeMany) {
  EXPECT_EQ(number_text(1e-8), "1e-08");
  EXPECT_EQ(number_text(1e30), "1e+30");
}

}  // namespace
}  // namespace vlm
