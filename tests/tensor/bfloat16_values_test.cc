#include "tensor/bfloat16_values.h"

#include <bit>
#include <cstdint>
#include <cstring>
#include <vector>

#include <gtest/gtest.h>

#include "tensor/dtype.h"

namespace vlm {
namespace {

TEST(Bfloat16Values, ReadsEveryValueAsTheSingleConversion) {
  std::vector<std::uint16_t> stored(65536 + 3);
  for (std::size_t i = 0; i < stored.size(); ++i) stored[i] = static_cast<std::uint16_t>(i);
  std::vector<float> values(stored.size());
  read_bfloat16(std::as_bytes(std::span(stored)), values);
  for (std::size_t i = 0; i < stored.size(); ++i) {
    ASSERT_EQ(std::bit_cast<std::uint32_t>(values[i]),
              std::bit_cast<std::uint32_t>(bf16_to_float(stored[i])));
  }
}

TEST(Bfloat16Values, RoundsAsTheSingleConversion) {
  std::vector<float> values;
  for (std::uint32_t upper = 0; upper < 65536; upper += 7) {  // infinities and NaN among them
    for (const std::uint32_t lower : {0U, 1U, 0x7FFFU, 0x8000U, 0x8001U, 0xFFFFU}) {
      values.push_back(std::bit_cast<float>((upper << 16U) | lower));
    }
  }
  std::vector<std::byte> stored(2 * values.size());
  store_bfloat16(values, stored);
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, &stored[2 * i], sizeof(bits));
    ASSERT_EQ(bits, float_to_bf16(values[i])) << values[i];
  }
}

}  // namespace
}  // namespace vlm
