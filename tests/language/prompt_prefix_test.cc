#include "language/prompt_prefix.h"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tensor/matrix.h"

namespace vlm {
namespace {

using ::testing::ElementsAre;

TEST(CommonPrefix, CountsEqualIds) {
  EXPECT_EQ(common_prefix({{1, 2, 3}, {}}, {{1, 2, 4, 5}, {}}), 2U);
  EXPECT_EQ(common_prefix({{1, 2}, {}}, {{1, 2, 4}, {}}), 2U);
  EXPECT_EQ(common_prefix({{7}, {}}, {{1}, {}}), 0U);
}

TEST(CommonPrefix, RowsAreEqualIfTheyAreTheSameMemoryAtTheSamePlace) {
  const Matrix<float> cat(2, 4);
  const Matrix<float> dog(2, 4);
  const GenerationPrompt of_cat{{1, 9, 9, 5}, {{1, cat.view()}}};
  EXPECT_EQ(common_prefix(of_cat, {{1, 9, 9, 6}, {{1, cat.view()}}}), 3U);
  EXPECT_EQ(common_prefix(of_cat, {{1, 9, 9, 5}, {{1, dog.view()}}}), 1U);
  EXPECT_EQ(common_prefix(of_cat, {{1, 9, 9, 5}, {}}), 1U);
  EXPECT_EQ(common_prefix(of_cat, {{1, 1, 9, 9}, {{2, cat.view()}}}), 1U);
}

TEST(OrderByPrefix, PromptsThatBeginAlikeAreNeighbours) {
  const Matrix<float> cat(2, 4);
  const Matrix<float> dog(2, 4);
  const std::vector<GenerationPrompt> prompts{
      {{1, 9, 9, 5}, {{1, dog.view()}}}, {{1, 9, 9, 5}, {{1, cat.view()}}},
      {{1, 9, 9, 6}, {{1, dog.view()}}}, {{3}, {}},
      {{1, 9, 9, 6}, {{1, cat.view()}}}, {{1, 2}, {}},
  };
  // Rows that occur later come first, and before ids; equal prompts keep their order.
  EXPECT_THAT(order_by_prefix(prompts), ElementsAre(1, 4, 0, 2, 5, 3));
}

}  // namespace
}  // namespace vlm
