#include "projector/tile_packing.h"

#include <filesystem>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/json_fields.h"

namespace vlm {
namespace {

using testing::ElementsAre;

constexpr float kNewline = -1;

// Packs features that are numbered as they lie in the views.
std::vector<float> packed_numbers(const TileLayout& layout) {
  const std::size_t views = 1 + layout.tile_rows * layout.tile_columns;
  std::vector<float> numbers(views * layout.view_side * layout.view_side);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<float>(i);
  const Matrix<float> packed = pack_tiles(MatrixView<const float>(numbers, numbers.size(), 1),
                                          layout, std::vector<float>{kNewline});
  EXPECT_EQ(packed.rows(), packed_rows(layout));
  return {packed.values().begin(), packed.values().end()};
}

TEST(PackTiles, JoinsTilesToOneGridWithANewlineBehindEachRow) {
  // view 0: 0-3; tiles 4-7 and 8-11 side by side
  EXPECT_THAT(packed_numbers({2, 1, 2, 1, 2}),
              ElementsAre(0, 1, 2, 3, 4, 5, 8, 9, kNewline, 6, 7, 10, 11, kNewline));
  // the same tiles one above the other
  EXPECT_THAT(
      packed_numbers({2, 2, 1, 2, 1}),
      ElementsAre(0, 1, 2, 3, 4, 5, kNewline, 6, 7, kNewline, 8, 9, kNewline, 10, 11, kNewline));
}

TEST(PackTiles, LeavesOutTheMargins) {
  // A wide picture on a square canvas of one tile of 4 x 4 features: one row cut on both sides.
  EXPECT_THAT(packed_numbers({4, 1, 1, 10, 20}),
              testing::ElementsAreArray({0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12,
                                         13, 14, 15, 20, 21, 22, 23, -1, 24, 25, 26, 27, -1}));
  // A tall one: one column on both sides.
  EXPECT_THAT(std::vector<float>(packed_numbers({4, 1, 1, 20, 10})).back(), kNewline);
  EXPECT_EQ(packed_rows({4, 1, 1, 20, 10}), 16U + 4U * 3U);
}

TEST(PackTiles, WithAnOddMarginKeepsOneFeatureMore) {
  EXPECT_EQ(packed_rows({4, 1, 1, 1, 4}), 16U + 2U * 5U);  // 1 of 4 rows shows the picture
}

TEST(PackTiles, AnExtremelyLongPictureMayLeaveNothingOfItsTiles) {
  EXPECT_EQ(packed_rows({4, 1, 3, 1, 1000}), 16U);
  EXPECT_THAT(packed_numbers({2, 1, 1, 1, 1000}), ElementsAre(0, 1, 2, 3));
}

// tests/data/image/anyres: token counts of transformers' model and of its processor.
TEST(PackTiles, CountsTheTokensOfTransformersOnTheRealGrid) {
  const std::filesystem::path file =
      std::filesystem::path(VLM_TEST_DATA) / "image/anyres/cases.json";
  const Json golden = read_json_file(file);
  const Json& selection = golden.at("selection");
  EXPECT_EQ(selection.size(), 40U);
  for (const Json& item : selection) {
    const TileLayout layout{24, item.at("best_resolution_hw")[0].get<std::size_t>() / 336,
                            item.at("best_resolution_hw")[1].get<std::size_t>() / 336,
                            item.at("image_size_hw")[0].get<std::size_t>(),
                            item.at("image_size_hw")[1].get<std::size_t>()};
    EXPECT_EQ(packed_rows(layout), item.at("image_tokens").get<std::size_t>()) << item;
    EXPECT_EQ(packed_rows(layout), item.at("image_tokens_by_processor").get<std::size_t>()) << item;
  }
}

TEST(PackTiles, NeverKeepsMoreThanTheGrid) {
  for (std::size_t height = 1; height < 400; ++height) {
    for (const std::size_t width : {1U, 3U, 100U, 399U, 99'999'999U}) {
      for (const auto& [rows, columns] : {std::pair{1, 2}, {2, 2}, {3, 1}}) {
        const TileLayout layout{7, static_cast<std::size_t>(rows),
                                static_cast<std::size_t>(columns), height, width};
        const std::size_t most = 49 + layout.tile_rows * 7 * (layout.tile_columns * 7 + 1);
        EXPECT_GE(packed_rows(layout), 49U);
        EXPECT_LE(packed_rows(layout), most);
      }
    }
  }
}

}  // namespace
}  // namespace vlm
