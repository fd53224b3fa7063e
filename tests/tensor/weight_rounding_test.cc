#include "tensor/weight_rounding.h"

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "core/philox.h"
#include "tensor/dtype.h"
#include "tensor/int8_layout.h"
#include "tensor/packed_layout.h"
#include "tests/tensor/instruction_sets.h"

namespace vlm {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// At every place, so that vectors and the rest behind them are met.
TEST(LargestMagnitude, IsFoundAtEveryPlaceWithEitherSign) {
  for_each_instruction_set([] {
    EXPECT_EQ(largest_magnitude({}), 0.0F);
    for (std::size_t place = 0; place < 37; ++place) {
      for (const float largest : {3.0F, -3.0F, -kInfinity}) {
        std::vector<float> values(37, -2.5F);
        values[place] = largest;
        EXPECT_EQ(largest_magnitude(values), std::abs(largest)) << place;
      }
    }
  });
}

TEST(LargestMagnitude, IsNanIfAnyValueIs) {
  for_each_instruction_set([] {
    for (std::size_t place = 0; place < 37; ++place) {
      std::vector<float> values(37, kInfinity);
      values[place] = place % 2 == 0 ? kNan : -kNan;
      EXPECT_TRUE(std::isnan(largest_magnitude(values))) << place;
    }
  });
}

TEST(RoundToInt8, EqualsThePlainRounding) {
  RandomStream random(2, 0);
  const float scale = 0.013F;
  std::vector<float> values{0.0F, -0.0F, 127.0F * scale, -127.0F * scale};
  for (int i = 0; i < 1000; ++i) {
    values.push_back(static_cast<float>(random.uniform() * 254.0 - 127.0) * scale);
  }
  for_each_instruction_set([&] {
    std::vector<std::int8_t> steps(values.size());
    round_to_int8(values, scale, steps);
    for (std::size_t i = 0; i < values.size(); ++i) {
      EXPECT_EQ(steps[i], std::lrint(values[i] * (1.0F / scale))) << values[i];
    }
  });
}

TEST(RoundToInt8, TiesGoToTheEvenStep) {
  const std::vector<float> values{0.5F, 1.5F, 2.5F, -0.5F, -1.5F, -126.5F};
  for_each_instruction_set([&] {
    std::vector<std::int8_t> steps(values.size());
    round_to_int8(values, 1.0F, steps);
    EXPECT_EQ(steps, (std::vector<std::int8_t>{0, 2, 2, 0, -2, -126}));
  });
}

TEST(RoundToInt8, AScaleOfZeroOrNanGivesZeros) {
  const std::vector<float> values{1.0F, kNan, -kInfinity};
  for (const float scale : {0.0F, kNan}) {
    std::vector<std::int8_t> steps(3, 1);
    round_to_int8(values, scale, steps);
    EXPECT_EQ(steps, std::vector<std::int8_t>(3, 0));
  }
}

TEST(WidenInt8Block, EveryStepIsExactAndPaddingIsZero) {
  for_each_instruction_set([] {
    for (const std::size_t cols : {1U, 2U, 31U, 32U, 33U}) {
      const PackedLayout layout{PackedLayout::kBlockRows, cols};
      std::vector<std::uint8_t> block(Int8Layout::block_size(cols), Int8Layout::kOffset);
      const auto step = [](std::size_t row, std::size_t col) {
        return static_cast<int>((row + col * 64) * 37 % 255) - 127;
      };
      for (std::size_t col = 0; col < cols; ++col) {
        for (std::size_t row = 0; row < layout.rows; ++row) {
          block[Int8Layout::index(row, col)] =
              static_cast<std::uint8_t>(step(row, col) + Int8Layout::kOffset);
        }
      }
      std::vector<std::uint16_t> packed(layout.block_size(), 0x7FC0U);
      widen_int8_block(block, packed);
      for (std::size_t col = 0; col < layout.padded_cols(); ++col) {
        for (std::size_t row = 0; row < layout.rows; ++row) {
          const float expected = col < cols ? static_cast<float>(step(row, col)) : 0.0F;
          ASSERT_EQ(bf16_to_float(packed[PackedLayout::index(row, col)]), expected)
              << row << ' ' << col;
        }
      }
    }
  });
}

}  // namespace
}  // namespace vlm
