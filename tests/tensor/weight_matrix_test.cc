#include "tensor/weight_matrix.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tensor/dtype.h"
#include "tensor/int8_product.h"
#include "tensor/matrix.h"
#include "tensor/weight_rounding.h"
#include "tests/tensor/random_matrix.h"

namespace vlm {
namespace {

// The plain twin of int8: steps of 1/127 of the row's largest magnitude.
void keep_as_int8(std::span<float> row) {
  float largest = 0.0F;
  for (const float value : row) largest = std::max(largest, std::abs(value));
  const float scale = largest / 127.0F;
  for (float& value : row) value = scale * std::nearbyint(value * (1.0F / scale));
}

// What a weight of that format keeps of the values.
Matrix<float> kept(WeightFormat format, const Matrix<float>& values) {
  Matrix<float> kept = values.clone();
  for (std::size_t r = 0; r < kept.rows(); ++r) {
    if (format == WeightFormat::kInt8) keep_as_int8(kept.row(r));
    for (float& value : kept.row(r)) {
      if (format == WeightFormat::kBfloat16) value = bf16_to_float(float_to_bf16(value));
    }
  }
  return kept;
}

std::unique_ptr<WeightMatrix> filled(WeightFormat format, const Matrix<float>& values) {
  auto weight = make_weight(format, values.rows(), values.cols());
  weight->fill([&](std::span<float> out) { std::ranges::copy(values.values(), out.begin()); });
  return weight;
}

class WeightMatrixTest : public ::testing::TestWithParam<WeightFormat> {};

TEST_P(WeightMatrixTest, RowsAreWhatWasFilledIn) {
  const Matrix<float> values = random_matrix(67, 131, 1);
  const Matrix<float> expected = kept(GetParam(), values);
  const auto weight = filled(GetParam(), values);
  std::vector<float> row(131);
  for (std::size_t r = 0; r < values.rows(); ++r) {
    weight->read_row(r, row);
    EXPECT_TRUE(std::ranges::equal(row, expected.row(r))) << r;
  }
}

TEST_P(WeightMatrixTest, RefillingLeavesNothingOfTheOldValues) {
  const auto weight = filled(GetParam(), random_matrix(3, 5, 1));
  weight->fill([](std::span<float> out) { std::ranges::fill(out, 127.0F); });
  std::vector<float> row(5);
  weight->read_row(2, row);
  EXPECT_EQ(row, std::vector<float>(5, 127.0F));
}

// Sizes around those of blocks (64), tiles (256 rows) and pairs. x has bfloat16 values, so rounding
// it changes nothing and the error is that of a float32 sum of k products: at most (k + 1) 2^-24 of
// the sum of their magnitudes; twice that where a processor adds pairs first, which also covers the
// two roundings by an int8 scale. A few rows of x are quantized for int8 weights, by at most half a
// step of 1/8127 of the largest magnitude.
TEST_P(WeightMatrixTest, ProductsEqualThePlainTwin) {
  ThreadPool pool(2);
  for (const std::size_t m : {1U, 8U, 9U, 64U, 257U}) {
    for (const std::size_t n : {1U, 65U, 128U}) {
      for (const std::size_t k : {1U, 33U, 192U}) {
        const Matrix<float> values = random_matrix(n, k, m + n + k);
        const Matrix<float> expected = kept(GetParam(), values);
        const auto weight = filled(GetParam(), values);
        Matrix<float> x = random_matrix(m, k, 99);
        for (float& value : x.values()) value = bf16_to_float(float_to_bf16(value));
        Matrix<float> out(m, n);
        weight->multiply(x.view(), out.view(), pool);
        for (std::size_t r = 0; r < m; ++r) {
          for (std::size_t c = 0; c < n; ++c) {
            double sum = 0.0;
            double magnitude = 0.0;
            double weights = 0.0;
            for (std::size_t i = 0; i < k; ++i) {
              weights += std::abs(double{expected.row(c)[i]});
              const double term = double{x.row(r)[i]} * expected.row(c)[i];
              sum += term;
              magnitude += std::abs(term);
            }
            double tolerance = std::ldexp(static_cast<double>(k + 1), -23) * magnitude;
            if (GetParam() == WeightFormat::kInt8 && m <= kMostInt8ProductRows) {
              tolerance += largest_magnitude(x.row(r)) / 16254.0 * weights;
            }
            ASSERT_NEAR(out.row(r)[c], sum, tolerance) << m << ' ' << n << ' ' << k;
          }
        }
      }
    }
  }
}

TEST_P(WeightMatrixTest, ThreadsDoNotChangeABit) {
  ThreadPool one(1);
  ThreadPool three(3);
  const auto weight = filled(GetParam(), random_matrix(1100, 96, 3));
  for (const std::size_t m : {1U, 3U, 300U}) {
    const Matrix<float> x = random_matrix(m, 96, 4);
    Matrix<float> a(m, 1100);
    Matrix<float> b(m, 1100);
    weight->multiply(x.view(), a.view(), one);
    weight->multiply(x.view(), b.view(), three);
    EXPECT_TRUE(std::ranges::equal(a.values(), b.values())) << m;
  }
}

// Rows of x that lie apart, and a part of a wider out.
TEST_P(WeightMatrixTest, ViewsWithGapsGiveTheSameProduct) {
  ThreadPool pool(1);
  const auto weight = filled(GetParam(), random_matrix(70, 40, 5));
  for (const std::size_t m : {2U, 19U}) {
    const Matrix<float> x = random_matrix(m, 40, 6);
    Matrix<float> wide_x(m, 50);
    for (std::size_t r = 0; r < m; ++r) std::ranges::copy(x.row(r), wide_x.row(r).begin() + 3);
    Matrix<float> out(m, 70);
    Matrix<float> wide_out(m, 80);
    weight->multiply(x.view(), out.view(), pool);
    weight->multiply(wide_x.view().columns(3, 40), wide_out.view().columns(5, 70), pool);
    for (std::size_t r = 0; r < m; ++r) {
      EXPECT_TRUE(std::ranges::equal(out.row(r), wide_out.row(r).subspan(5, 70)));
      EXPECT_EQ(wide_out.row(r)[4], 0.0F);
      EXPECT_EQ(wide_out.row(r)[75], 0.0F);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, WeightMatrixTest,
                         ::testing::Values(WeightFormat::kFloat32, WeightFormat::kBfloat16,
                                           WeightFormat::kInt8),
                         [](const auto& test_case) {
                           return std::string(weight_format_name(test_case.param));
                         });

// 64 rows and an even number of columns need no padding in any format; int8 has a scale a row.
TEST(WeightFormat, BytesAreThoseOfTheValues) {
  const auto bytes = [](WeightFormat format) { return make_weight(format, 64, 32)->value_bytes(); };
  EXPECT_EQ(bytes(WeightFormat::kFloat32), 4U * 64 * 32);
  EXPECT_EQ(bytes(WeightFormat::kBfloat16), 2U * 64 * 32);
  EXPECT_EQ(bytes(WeightFormat::kInt8), 64U * 32 + 4U * 64);
}

TEST(WeightFormat, NamesRoundTrip) {
  EXPECT_EQ(weight_format_names(), (std::vector<std::string>{"float32", "bfloat16", "int8"}));
  for (const std::string& name : weight_format_names()) {
    const auto format = weight_format_from_name(name);
    ASSERT_TRUE(format.has_value());
    EXPECT_EQ(weight_format_name(*format), name);
  }
  EXPECT_EQ(weight_format_from_name("bf16"), std::nullopt);
}

}  // namespace
}  // namespace vlm
