#include "tensor/linear.h"

#include <algorithm>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tensor/matrix.h"

namespace vlm {
namespace {

using ::testing::ElementsAre;

TEST(Linear, IsTheProductPlusTheBiasIfThereIsOne) {
  ThreadPool pool(1);
  const auto weight = make_weight(WeightFormat::kFloat32, 2, 3);
  weight->fill([](std::span<float> out) {
    std::ranges::copy(std::vector<float>{1, 0, 0, 1, 1, 1}, out.begin());
  });
  const std::vector<float> bias{10, 20};
  const std::vector<float> x{1, 2, 3, 4, 5, 6};
  Matrix<float> out(2, 2);
  apply_linear({x, 2, 3}, {weight.get(), bias}, out.view(), pool);
  EXPECT_THAT(out.values(), ElementsAre(11, 26, 14, 35));
  apply_linear({x, 2, 3}, {weight.get(), {}}, out.view(), pool);
  EXPECT_THAT(out.values(), ElementsAre(1, 6, 4, 15));
}

TEST(Linear, HasShapeComparesWeightAndBias) {
  const auto weight = make_weight(WeightFormat::kFloat32, 2, 3);
  const std::vector<float> bias{10, 20};
  EXPECT_TRUE(has_shape({weight.get(), bias}, 2, 3, true));
  EXPECT_TRUE(has_shape({weight.get(), {}}, 2, 3, false));
  EXPECT_FALSE(has_shape({weight.get(), bias}, 2, 3, false));
  EXPECT_FALSE(has_shape({weight.get(), {}}, 2, 3, true));
  EXPECT_FALSE(has_shape({weight.get(), {}}, 3, 2, false));
  EXPECT_FALSE(has_shape({nullptr, {}}, 2, 3, false));
}

}  // namespace
}  // namespace vlm
