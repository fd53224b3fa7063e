#include "cli/progress_line.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vlm {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

// What `action` writes to standard error, which is no terminal in a test.
template <typename Action>
std::string shown(Action action) {
  testing::internal::CaptureStderr();
  action();
  return testing::internal::GetCapturedStderr();
}

TEST(ProgressLine, ShowsStageShareAndDetailAsAPlainLine) {
  ProgressLine progress(false);
  EXPECT_THAT(shown([&] {
                progress.show({"search", 3, 10, "best 0.5"});
              }),
              MatchesRegex("search 3/10  best 0.5  after 0 s\n"));
  EXPECT_THAT(shown([&] {
                progress.show({"read", 0, 0, ""});
              }),
              MatchesRegex("read   after 0 s\n"));
}

TEST(ProgressLine, ShowsTheFirstAndTheLastEventOfAStageAtOnce) {
  ProgressLine progress(false);
  const std::string text = shown([&] {
    for (std::size_t i = 0; i <= 100; ++i) progress.show({"merge", i, 100, ""});
  });
  EXPECT_THAT(text, HasSubstr("merge 0/100"));
  EXPECT_THAT(text, HasSubstr("merge 100/100"));
  EXPECT_LT(text.size(), 200U);  // the events between come too fast to read
}

TEST(ProgressLine, QuietShowsNothing) {
  ProgressLine progress(true);
  EXPECT_EQ(shown([&] { progress.callback()({"merge", 1, 2, "x"}); }), "");
}

TEST(ClockText, HasTheLargestUnitsThatMatter) {
  EXPECT_EQ(clock_text(0.4), "0 s");
  EXPECT_EQ(clock_text(59.4), "59 s");
  EXPECT_EQ(clock_text(59.6), "1:00");
  EXPECT_EQ(clock_text(3599.0), "59:59");
  EXPECT_EQ(clock_text(3723.0), "1:02:03");
  EXPECT_EQ(clock_text(360000.0), "100:00:00");
}

}  // namespace
}  // namespace vlm
