#include "tensor/dtype.h"

#include <cmath>
#include <cstdint>
#include <limits>

#include <gtest/gtest.h>

namespace vlm {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST(DTypeNames, RoundTrip) {
  for (const DType dtype : {DType::kF64, DType::kF32, DType::kF16, DType::kBF16, DType::kI64,
                            DType::kI32, DType::kI16, DType::kI8, DType::kU8, DType::kBool}) {
    EXPECT_EQ(dtype_from_safetensors_name(safetensors_name(dtype)), dtype);
  }
  EXPECT_EQ(dtype_from_torch_name("torch.bfloat16"), DType::kBF16);
  EXPECT_EQ(dtype_from_torch_name("float16"), DType::kF16);
  EXPECT_EQ(dtype_from_torch_name("float17"), std::nullopt);
  EXPECT_EQ(dtype_from_safetensors_name("bf16"), std::nullopt);
  EXPECT_EQ(element_size_bytes(DType::kBF16), 2U);
  EXPECT_TRUE(is_floating(DType::kF16));
  EXPECT_FALSE(is_floating(DType::kI8));
}

// The value of the bits by the definition of IEEE 754 binary16.
double plain_half(std::uint16_t bits) {
  const int exponent = (bits >> 10U) & 0x1F;
  const double fraction = (bits & 0x3FFU) / 1024.0;
  const double sign = (bits & 0x8000U) != 0 ? -1.0 : 1.0;
  if (exponent == 31) return fraction == 0.0 ? sign * double{kInfinity} : NAN;
  if (exponent == 0) return sign * std::ldexp(fraction, -14);
  return sign * std::ldexp(1.0 + fraction, exponent - 15);
}

TEST(Float16, AllBitPatternsWidenExactlyAndRoundBack) {
  for (std::uint32_t bits = 0; bits < 0x10000U; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = f16_to_float(half);
    if (std::isnan(plain_half(half))) {
      ASSERT_TRUE(std::isnan(value));
      ASSERT_TRUE(std::isnan(f16_to_float(float_to_f16(value))));
      continue;
    }
    ASSERT_EQ(double{value}, plain_half(half)) << bits;
    ASSERT_EQ(float_to_f16(value), half) << bits;
  }
}

TEST(Float16, RoundsToNearestTiesToEven) {
  EXPECT_EQ(float_to_f16(1.0F + 0x1p-11F), 0x3C00);         // tie: down to even
  EXPECT_EQ(float_to_f16(1.0F + 3.0F * 0x1p-11F), 0x3C02);  // tie: up to even
  EXPECT_EQ(float_to_f16(1.0F + 0x1p-11F + 0x1p-20F), 0x3C01);
  EXPECT_EQ(float_to_f16(65519.0F), 0x7BFF);
  EXPECT_EQ(float_to_f16(65520.0F), 0x7C00);  // overflow
  EXPECT_EQ(float_to_f16(0x1p-25F), 0);       // tie with zero
  EXPECT_EQ(float_to_f16(0x1.8p-25F), 1);
}

TEST(BFloat16, AllBitPatternsRoundBack) {
  for (std::uint32_t bits = 0; bits < 0x10000U; ++bits) {
    const auto stored = static_cast<std::uint16_t>(bits);
    const float value = bf16_to_float(stored);
    if (std::isnan(value)) {
      ASSERT_TRUE(std::isnan(bf16_to_float(float_to_bf16(value))));
    } else {
      ASSERT_EQ(float_to_bf16(value), stored);
    }
  }
}

TEST(BFloat16, RoundsToNearestTiesToEven) {
  EXPECT_EQ(float_to_bf16(1.0F + 0x1p-8F), 0x3F80);
  EXPECT_EQ(float_to_bf16(1.0F + 3.0F * 0x1p-8F), 0x3F82);
  EXPECT_EQ(float_to_bf16(std::numeric_limits<float>::max()), 0x7F80);
}

}  // namespace
}  // namespace vlm
