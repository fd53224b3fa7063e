#include "cli/model_table_text.h"

#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vlm {
namespace {

using testing::HasSubstr;
using testing::Not;

ModelRow row(const std::string& name, double japanese_score, double english_score) {
  ModelRow row;
  row.name = name;
  row.scores = {japanese_score, english_score};
  row.mean = (japanese_score + english_score) / 2.0;
  row.japanese = {0.96, 0.0};
  return row;
}

ModelTable table() {
  ModelTable table{{{"ja-emoji-vqa/test", "rougeL_ja"}, {"en-emoji-vqa/test", "rougeL"}}, {}};
  ModelRow parent = row("English VLM", 0.25, 0.9);
  parent.evolved_ahead = PairedDifference{0.125, 0.0625, 0.1875, 1.0, 100};
  table.rows = {parent, row("evolved", 0.75, 0.65)};
  table.rows[1].role = ComparisonRole::kEvolved;
  return table;
}

std::string line_with(const std::string& text, const std::string& name) {
  const std::size_t start = text.find(name);
  return text.substr(start, text.find('\n', start) - start);
}

TEST(ModelTableText, MarksTheBestOfEveryColumn) {
  const std::string text = model_table_text(table());
  EXPECT_THAT(line_with(text, "English VLM"), HasSubstr("0.900*"));
  EXPECT_THAT(line_with(text, "English VLM"), Not(HasSubstr("0.250*")));
  EXPECT_THAT(line_with(text, "evolved  "), HasSubstr("0.750*"));
  EXPECT_THAT(line_with(text, "evolved  "), HasSubstr("0.700*"));  // the mean
}

TEST(ModelTableText, ShowsTheShareOfJapaneseOnJapaneseBenchmarksOnly) {
  const std::string text = model_table_text(table());
  const std::string line = line_with(text, "evolved  ");
  EXPECT_THAT(line, HasSubstr("96 %"));
  EXPECT_EQ(line.find('%'), line.rfind('%'));
}

TEST(ModelTableText, ShowsHowFarTheEvolvedIsAhead) {
  EXPECT_THAT(model_table_text(table()), HasSubstr("+0.125 [0.062, 0.188]"));
  ModelTable behind = table();
  behind.rows[0].evolved_ahead->difference = -0.125;
  EXPECT_THAT(model_table_text(behind), HasSubstr("  -0.125 ["));
}

TEST(ModelTableText, SaysWhoDidNotSeeThePictures) {
  ModelTable blind = table();
  blind.rows[0].blind = true;
  EXPECT_THAT(model_table_text(blind), HasSubstr("English VLM (blind)"));
}

TEST(ModelTableText, FitsATerminalAndExplainsItsHeadings) {
  ModelTable wide = table();
  wide.columns = {{"ja-vlm-bench-in-the-wild/test", "rougeL_ja"},
                  {"ja-vg-vqa-500/test", "rougeL_ja"}};
  wide.rows[0].name = "Japanese LLM behind the projector";
  wide.rows[0].japanese = {1.0, 1.0};
  const std::string text = model_table_text(wide);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 120U) << line;
  EXPECT_THAT(text,
              HasSubstr("[1] ja-vlm-bench-in-the-wild/test; [2] ja-vg-vqa-500/test; ja: share"));
  EXPECT_THAT(text, Not(HasSubstr("blind")));
}

TEST(ModelTableText, OneColumnNeedsNoMean) {
  ModelTable single = table();
  single.columns.pop_back();
  for (ModelRow& entry : single.rows) entry.scores.pop_back();
  EXPECT_THAT(model_table_text(single), Not(HasSubstr("mean")));
}

}  // namespace
}  // namespace vlm
