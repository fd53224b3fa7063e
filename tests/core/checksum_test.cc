#include "core/checksum.h"

#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace vlm {
namespace {

std::vector<std::byte> counted(std::size_t size) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i < size; ++i) bytes.push_back(static_cast<std::byte>(i * 7 % 251));
  return bytes;
}

TEST(Checksum, EveryBitAndTheLengthCount) {
  for (const std::size_t size : {1U, 8U, 63U, 64U, 65U, 200U}) {
    std::vector<std::byte> bytes = counted(size);
    const std::uint64_t sum = checksum(bytes);
    EXPECT_NE(checksum(counted(size + 1)), sum);
    for (std::size_t i = 0; i < size; ++i) {
      for (unsigned bit = 0; bit < 8; ++bit) {
        bytes[i] ^= static_cast<std::byte>(1U << bit);
        EXPECT_NE(checksum(bytes), sum) << size << ": bit " << bit << " of byte " << i;
        bytes[i] ^= static_cast<std::byte>(1U << bit);
      }
    }
  }
}

TEST(Checksum, ZerosOfDifferentLengthsDiffer) {
  std::set<std::uint64_t> seen;
  for (std::size_t size = 0; size < 300; ++size) {
    seen.insert(checksum(std::vector<std::byte>(size)));
  }
  EXPECT_EQ(seen.size(), 300U);
}

TEST(Checksum, OrderOfStripesCounts) {
  std::vector<std::byte> bytes = counted(128);
  std::vector<std::byte> swapped(bytes.begin() + 64, bytes.end());
  swapped.insert(swapped.end(), bytes.begin(), bytes.begin() + 64);
  EXPECT_NE(checksum(bytes), checksum(swapped));
}

}  // namespace
}  // namespace vlm
