#include "evolve/search_space.h"

#include <limits>

#include <gmock/gmock.h>

#include "core/error.h"

namespace vlm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string refusal(const SearchSpace& space) {
  try {
    validate(space);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    return error.what();
  }
  return "";
}

TEST(SearchSpace, MapsBoxToUnitCubeAndBack) {
  const SearchSpace space{{{"a", 0.0, 2.0, 0.5}, {"b", -1.0, 1.0, 0.0}}};
  EXPECT_THAT(to_unit_cube(space, initial_point(space)), ElementsAre(0.25, 0.5));
  EXPECT_THAT(to_box(space, std::vector<double>{0.25, 0.5}), ElementsAre(0.5, 0.0));
}

TEST(SearchSpace, NeverLeavesTheBoxByRounding) {
  const SearchSpace space{{{"a", -0.1, 0.3, 0.0}, {"b", 1e-9, 1e9, 1.0}}};
  const std::vector<double> top = to_box(space, std::vector<double>{1.0, 1.0});
  EXPECT_LE(top[0], 0.3);
  EXPECT_LE(top[1], 1e9);
}

TEST(SearchSpace, RefusesWhatCannotBeSearched) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(refusal({}), HasSubstr("nothing to search"));
  EXPECT_THAT(refusal({{{"a", 1.0, 1.0, 1.0}}}), HasSubstr("\"a\": high - low must be above zero"));
  EXPECT_THAT(refusal({{{"a", 1.0, 0.0, 0.5}}}), HasSubstr("above zero"));
  EXPECT_THAT(refusal({{{"a", 0.0, kInfinity, 0.5}}}), HasSubstr("high is not finite"));
  EXPECT_THAT(refusal({{{"a", kNan, 1.0, 0.5}}}), HasSubstr("low is not finite"));
  EXPECT_THAT(refusal({{{"a", -1.7e308, 1.7e308, 0.5}}}), HasSubstr("high - low is not finite"));
  EXPECT_THAT(refusal({{{"a", 0.0, 1.0, 1.5}}}), HasSubstr("outside the bounds"));
  EXPECT_THAT(refusal({{{"a", 0.0, 1.0, kNan}}}), HasSubstr("outside the bounds"));
  EXPECT_THAT(refusal({{{"", 0.0, 1.0, 0.5}}}), HasSubstr("name"));
  EXPECT_THAT(refusal({{{"a", 0.0, 1.0, 0.5}, {"a", 0.0, 1.0, 0.5}}}), HasSubstr("repeated"));
}

}  // namespace
}  // namespace vlm
