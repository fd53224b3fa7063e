#include "cli/text_table.h"

#include <gtest/gtest.h>

#include "cli/progress_line.h"

namespace vlm {
namespace {

TEST(DisplayWidth, KanjiAreTwoColumnsWideAndMarksNone) {
  EXPECT_EQ(display_width("abc"), 3U);
  EXPECT_EQ(display_width("日本語"), 6U);
  EXPECT_EQ(display_width("ｶﾅ"), 2U);
  EXPECT_EQ(display_width("e\u0301"), 1U);
}

TEST(TextTable, ColumnsAlignByDisplayWidth) {
  TextTable table({"model", "score"});
  table.add_row({"日本", "0.5"});
  table.add_row({"ab", "10.25"});
  EXPECT_EQ(table.to_string(),
            "model  score\n"
            "-----  -----\n"
            "日本     0.5\n"
            "ab     10.25\n");
}

TEST(TextTableDeathTest, RowsHaveOneCellForEachColumn) {
  TextTable table({"a", "b"});
  EXPECT_DEATH(table.add_row({"x"}), "one cell for each column");
}

TEST(ClockText, PicksItsUnits) {
  EXPECT_EQ(clock_text(4.4), "4 s");
  EXPECT_EQ(clock_text(123.0), "2:03");
  EXPECT_EQ(clock_text(3723.0), "1:02:03");
}

}  // namespace
}  // namespace vlm
