#include "merge/name_pattern.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/merge/made_up_models.h"

namespace vlm {
namespace {

using testing::HasSubstr;

bool is_in(const std::string& expression, const std::string& name) {
  return NamePattern(expression, "r.yaml:1").is_in(name);
}

TEST(NamePattern, MatchesAPartOfTheName) {
  EXPECT_TRUE(is_in(R"(layers\.[0-2]\.)", "model.layers.1.mlp.up_proj.weight"));
  EXPECT_FALSE(is_in(R"(layers\.[0-2]\.)", "model.layers.12.mlp.up_proj.weight"));
}

TEST(NamePattern, AnchorsHoldItToTheWholeName) {
  EXPECT_TRUE(is_in("^lm_head.weight$", "lm_head.weight"));
  EXPECT_FALSE(is_in("^lm_head$", "lm_head.weight"));
  EXPECT_FALSE(is_in("^head", "lm_head.weight"));
}

TEST(NamePattern, KeepsTheTextItWasMadeOf) {
  EXPECT_EQ(NamePattern("a|b", "r.yaml:1").text(), "a|b");
}

TEST(NamePattern, ABrokenExpressionIsRefusedWithItsPlace) {
  for (const char* const broken : {"(", "[a", "a{2", R"(\q)", "*"}) {
    EXPECT_THAT(message_of([&] { is_in(broken, "a"); }),
                testing::AllOf(HasSubstr("no regular expression"), HasSubstr("r.yaml:1"),
                               HasSubstr(std::string("'") + broken + "'")));
  }
}

// Exponentially many ways of dividing the name up.
TEST(NamePattern, AnExpressionThatDoesNotEndIsStopped) {
  EXPECT_THAT(message_of([] { is_in("(a+)+$", std::string(64, 'a') + "b"); }),
              testing::AllOf(HasSubstr("regular expression fails"), HasSubstr("(a+)+$")));
}

TEST(NamePattern, CopiesMatchAlike) {
  const NamePattern pattern("up_proj", "r.yaml:1");
  const NamePattern copy = pattern;  // NOLINT(performance-unnecessary-copy-initialization)
  EXPECT_TRUE(copy.is_in("mlp.up_proj.weight"));
  EXPECT_FALSE(copy.is_in("mlp.down_proj.weight"));
}

}  // namespace
}  // namespace vlm
