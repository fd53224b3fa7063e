#include "tensor/bfloat16_values.h"

#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "core/philox.h"
#include "tensor/dtype.h"
#include "tests/tensor/instruction_sets.h"

namespace vlm {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

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

TEST(Bfloat16Values, EveryInstructionSetRoundsAsTheSingleConversion) {
  RandomStream random(1, 0);
  std::vector<float> values{0.0F,
                            -0.0F,
                            1.00390625F,  // a tie, to the even 1
                            1.01171875F,  // a tie, to the even 1.015625
                            std::numeric_limits<float>::max(),
                            kInfinity,
                            -kInfinity,
                            std::numeric_limits<float>::denorm_min(),
                            std::bit_cast<float>(0x7F800001U),
                            std::bit_cast<float>(0xFFFFFFFFU)};
  for (int i = 0; i < 1000; ++i) {
    values.push_back(
        std::bit_cast<float>(static_cast<std::uint32_t>(random.below(std::uint64_t{1} << 32U))));
  }
  for_each_instruction_set([&] {
    std::vector<std::uint16_t> rounded(values.size());
    store_bfloat16(values, std::as_writable_bytes(std::span(rounded)));
    for (std::size_t i = 0; i < values.size(); ++i) {
      EXPECT_EQ(rounded[i], float_to_bf16(values[i])) << values[i];
    }
  });
}

}  // namespace
}  // namespace vlm
