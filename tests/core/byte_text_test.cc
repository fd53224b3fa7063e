#include "core/byte_text.h"

#include <gtest/gtest.h>

namespace vlm {
namespace {

TEST(ByteText, NeedsAreRoundedUpAndAllowancesDown) {
  EXPECT_EQ(byte_text(0), "0 bytes");
  EXPECT_EQ(byte_text(999), "999 bytes");
  EXPECT_EQ(byte_text(1000), "1 KB");
  EXPECT_EQ(byte_text(12'340), "12.4 KB");
  EXPECT_EQ(byte_text(12'340, ByteRounding::kDown), "12.3 KB");
  EXPECT_EQ(byte_text(2'000'000), "2 MB");
  EXPECT_EQ(byte_text(2'000'001), "2.1 MB");
  EXPECT_EQ(byte_text(1'999'999, ByteRounding::kDown), "1.9 MB");
  EXPECT_EQ(byte_text(99'910'000), "100 MB");
  EXPECT_EQ(byte_text(14'000'000'001), "14001 MB");
  EXPECT_EQ(byte_text(14'999'999'999, ByteRounding::kDown), "14999 MB");
}

TEST(ByteText, ANeedAboveAnAllowanceReadsDifferently) {
  for (std::size_t allowed = 1; allowed < 40'000'000'000; allowed = allowed * 3 / 2 + 1) {
    EXPECT_NE(byte_text(allowed + 1), byte_text(allowed, ByteRounding::kDown));
  }
}

}  // namespace
}  // namespace vlm
