#include "core/nearest_name.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace vlm {
namespace {

const std::vector<std::string> kMethods{"linear", "slerp", "ties", "dare_ties"};

TEST(NearestName, FindsTheSmallestDistance) {
  EXPECT_EQ(nearest_name("slurp", kMethods), "slerp");
  EXPECT_EQ(nearest_name("linaer", kMethods), "linear");
  EXPECT_EQ(nearest_name("dare-ties", kMethods), "dare_ties");
}

TEST(NearestName, NothingNearGivesNothing) {
  EXPECT_EQ(nearest_name("breadcrumbs", kMethods), "");
  EXPECT_EQ(nearest_name("x", kMethods), "");
  EXPECT_EQ(nearest_name("ties", {}), "");
}

TEST(NameHint, SuggestsOrLists) {
  EXPECT_EQ(name_hint("slurp", kMethods), " (did you mean 'slerp'?)");
  EXPECT_EQ(name_hint("breadcrumbs", kMethods), " (known: linear, slerp, ties, dare_ties)");
}

}  // namespace
}  // namespace vlm
