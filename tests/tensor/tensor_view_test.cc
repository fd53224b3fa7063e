#include "tensor/tensor_view.h"

#include <array>
#include <cstddef>
#include <cstring>
#include <limits>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tensor/matrix.h"

namespace vlm {
namespace {

using ::testing::ElementsAre;

TEST(ElementCount, MultipliesAndRefusesOverflow) {
  EXPECT_EQ(element_count({}), 1U);
  EXPECT_EQ(element_count({3, 0, 5}), 0U);
  EXPECT_EQ(element_count({2, 3}), 6U);
  EXPECT_EQ(element_count({std::size_t{1} << 33U, std::size_t{1} << 33U}), std::nullopt);
}

TEST(ShapeText, LooksLikeAList) {
  EXPECT_EQ(to_string(Shape{2560, 192}), "[2560, 192]");
  EXPECT_EQ(to_string(Shape{}), "[]");
}

TEST(ReadFloats, RoundTripsThroughEveryFloatingType) {
  const std::vector<float> values{0.0F, 1.5F, -2.0F, 0.25F, 7.0F};  // exact in 16 bits
  for (const DType dtype : {DType::kF64, DType::kF32, DType::kF16, DType::kBF16}) {
    std::vector<std::byte> bytes(values.size() * element_size_bytes(dtype) + 1);
    const auto stored = std::span(bytes).subspan(1);  // unaligned
    store_floats(values, dtype, stored);
    const TensorView tensor{dtype, {values.size()}, stored};
    std::vector<float> all(values.size());
    read_floats(tensor, 0, all);
    EXPECT_EQ(all, values) << safetensors_name(dtype);
    std::vector<float> part(2);
    read_floats(tensor, 2, part);
    EXPECT_THAT(part, ElementsAre(-2.0F, 0.25F));
  }
}

TEST(MatrixViews, RowsAndColumnsShareTheElements) {
  Matrix<float> matrix(3, 4);
  matrix.row(1)[2] = 9.0F;
  const MatrixView<float> part = matrix.view().rows(1, 2).columns(2, 2);
  EXPECT_EQ(part.row(0)[0], 9.0F);
  EXPECT_EQ(part.stride(), 4U);
  const Matrix<float> copy = matrix.clone();
  matrix.row(1)[2] = 0.0F;
  EXPECT_EQ(copy.row(1)[2], 9.0F);
}

TEST(MatrixViewsDeathTest, RangesOutsideStopTheProgram) {
  Matrix<float> matrix(3, 4);
  EXPECT_DEATH(static_cast<void>(matrix.view().rows(2, 2)), "range");
  EXPECT_DEATH(static_cast<void>(matrix.view().columns(5, 0)), "range");
}

}  // namespace
}  // namespace vlm
