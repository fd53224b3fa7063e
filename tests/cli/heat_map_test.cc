#include "cli/heat_map.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vlm {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string map_of(std::optional<double> value, double cell_width = 50) {
  return heat_map_svg("Heading", "below", {{"Grid", {"a<b"}, {"c"}, {{value}}, cell_width, false}});
}

TEST(HeatMap, ColoursTellSignAndSize) {
  EXPECT_THAT(map_of(1.0), HasSubstr("rx='3' fill='#b2182b'"));
  EXPECT_THAT(map_of(-1.0), HasSubstr("rx='3' fill='#2166ac'"));
  EXPECT_THAT(map_of(0.0), HasSubstr("rx='3' fill='#f7f7f7'"));
  EXPECT_THAT(map_of(7.0), HasSubstr("rx='3' fill='#b2182b'")) << "beyond the scale";
}

TEST(HeatMap, WideCellsShowTheirValueAndNarrowOnesATooltip) {
  EXPECT_THAT(map_of(0.257), HasSubstr(">0.26</text>"));
  EXPECT_THAT(map_of(-0.004), HasSubstr(">0.00</text>"));
  EXPECT_THAT(map_of(0.257, 20), Not(HasSubstr(">0.26</text>")));
  EXPECT_THAT(map_of(0.257, 20), HasSubstr("<title>a&lt;b, c: 0.2570</title>"));
}

TEST(HeatMap, UndefinedIsGreyWithADash) {
  EXPECT_THAT(map_of(std::nullopt), HasSubstr("fill='#e4e4e4'"));
  EXPECT_THAT(map_of(std::nullopt), HasSubstr(">–</text>"));
}

TEST(HeatMap, LabelsAreEscaped) {
  EXPECT_THAT(map_of(0.0), HasSubstr("a&lt;b"));
  EXPECT_THAT(map_of(0.0), Not(HasSubstr("a<b")));
}

}  // namespace
}  // namespace vlm
