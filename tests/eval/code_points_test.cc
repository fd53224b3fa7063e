#include "eval/code_points.h"

#include <string>

#include <gtest/gtest.h>

namespace vlm {
namespace {

TEST(CodePoints, RoundTrip) {
  const std::string text = "aé猫𠮷😀";
  EXPECT_EQ(decode_utf8(text), U"aé猫𠮷😀");
  EXPECT_EQ(encode_utf8(decode_utf8(text)), text);
}

TEST(CodePoints, MalformedBytesBecomeReplacementCharacters) {
  EXPECT_EQ(decode_utf8("a\xFFz"), U"a\uFFFDz");
  EXPECT_EQ(decode_utf8("\xE7\x8C"), U"\uFFFD");
}

TEST(CodePoints, NoScalarValueBecomesReplacementCharacter) {
  const std::u32string surrogate(1, char32_t{0xD800});
  const std::u32string too_large(1, char32_t{0x110000});
  EXPECT_EQ(encode_utf8(surrogate), "\uFFFD");
  EXPECT_EQ(encode_utf8(too_large), "\uFFFD");
}

TEST(CodePoints, WhiteSpaceIsThatOfPython) {
  std::u32string white;
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (is_white_space(c)) white += c;
  }
  EXPECT_EQ(white,
            U"\x09\x0A\x0B\x0C\x0D\x1C\x1D\x1E\x1F\x20\x85\xA0\u1680\u2000\u2001\u2002\u2003\u2004"
            U"\u2005\u2006\u2007\u2008\u2009\u200A\u2028\u2029\u202F\u205F\u3000");
}

TEST(CodePoints, StripRemovesWhiteSpaceAtBothEnds) {
  EXPECT_EQ(strip_white_space("\n　猫 です。\t"), "猫 です。");
  EXPECT_EQ(strip_white_space(" \n"), "");
}

}  // namespace
}  // namespace vlm
