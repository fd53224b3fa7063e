#include "language/stoppable_text.h"

#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace vlm {
namespace {

class StoppableTextTest : public ::testing::Test {
 protected:
  struct Seen {
    std::vector<std::string> pieces;
    std::string joined;
    bool has_stopped = false;
  };

  Seen feed(const std::string& text, const std::vector<std::string>& stops) const {
    Seen seen;
    StoppableText stoppable(tokenizer_, stops);
    for (const TokenId id : tokenizer_.encode(text, AddBos::kNo)) {
      seen.pieces.push_back(stoppable.push(id));
      if (stoppable.has_stopped()) break;
    }
    seen.pieces.push_back(stoppable.finish());
    for (const std::string& piece : seen.pieces) seen.joined += piece;
    EXPECT_EQ(seen.joined, stoppable.text());
    seen.has_stopped = stoppable.has_stopped();
    return seen;
  }

  Tokenizer tokenizer_ =
      Tokenizer::load(std::filesystem::path(VLM_TEST_DATA) / "language/tokenizer/mistral_v1");
};

TEST_F(StoppableTextTest, WithoutStopTextsEverythingIsReleased) {
  const std::string text = "Three cats 🐈 and 富士山\n\nin the  rain";
  EXPECT_EQ(feed(text, {}).joined, text);
  EXPECT_FALSE(feed(text, {}).has_stopped);
}

TEST_F(StoppableTextTest, TextEndsBeforeTheFirstStopText) {
  const Seen seen = feed("one two three two one", {"three", "wo t"});
  EXPECT_TRUE(seen.has_stopped);
  EXPECT_EQ(seen.joined, "one t");
}

TEST_F(StoppableTextTest, BeginningOfAStopTextIsHeldBackUntilItIsNone) {
  const Seen seen = feed("answer: 4\n\nQ and more", {"\n\nQuestion"});
  EXPECT_FALSE(seen.has_stopped);
  EXPECT_EQ(seen.joined, "answer: 4\n\nQ and more");
  for (const std::string& piece : seen.pieces) EXPECT_FALSE(piece.ends_with('\n')) << piece;
}

TEST_F(StoppableTextTest, NoPieceHoldsAPartOfTheStopText) {
  const Seen seen = feed("answer: 4\n\nQuestion: 5", {"\n\nQuestion"});
  EXPECT_TRUE(seen.has_stopped);
  EXPECT_EQ(seen.joined, "answer: 4");
}

TEST_F(StoppableTextTest, StopTextThatOverlapsItselfIsFound) {
  EXPECT_EQ(feed("xaaab", {"aab"}).joined, "xa");
}

TEST_F(StoppableTextTest, BeginningHeldBackIsReleasedAtTheEnd) {
  EXPECT_EQ(feed("the end###", {"####"}).joined, "the end###");
}

}  // namespace
}  // namespace vlm
