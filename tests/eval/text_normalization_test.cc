#include "eval/text_normalization.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/eval/golden_lines.h"

namespace vlm {
namespace {

TEST(TextNormalization, EqualsTheReferenceStepByStep) {
  const auto lines = golden_lines("normalize.jsonl");
  EXPECT_EQ(lines.size(), 137U);
  for (const auto& [line, where] : lines) {
    const auto text = line["text"].get<std::string>();
    EXPECT_EQ(remove_emoji(text), line["emoji_removed"]) << where;
    EXPECT_EQ(normalize_japanese(text), line["neologdn"]) << where;
    EXPECT_EQ(normalize_text(text), line["normalized"]) << where;
  }
}

// The examples of neologdn's README.
TEST(TextNormalization, EqualsTheExamplesOfNeologdn) {
  EXPECT_EQ(normalize_japanese("ﾊﾝｶｸｶﾅ"), "ハンカクカナ");
  EXPECT_EQ(normalize_japanese("全角記号！？＠＃"), "全角記号!?@#");
  EXPECT_EQ(normalize_japanese("全角記号例外「・」"), "全角記号例外「・」");
  EXPECT_EQ(normalize_japanese("長音短縮ウェーーーーイ"), "長音短縮ウェーイ");
  EXPECT_EQ(normalize_japanese("チルダ削除ウェ~∼∾〜〰～イ"), "チルダ削除ウェイ");
  EXPECT_EQ(normalize_japanese("いろんなハイフン˗֊‐‑‒–⁃⁻₋−"), "いろんなハイフン-");
  EXPECT_EQ(normalize_japanese("　　　ＰＲＭＬ　　副　読　本　　　"), "PRML副読本");
  EXPECT_EQ(normalize_japanese(" Natural Language Processing "), "Natural Language Processing");
}

TEST(TextNormalization, BlankBeforeJapaneseGoesEvenAfterATilde) {
  EXPECT_EQ(normalize_japanese("a ~あ"), "aあ");
}

TEST(TextNormalization, VoicingMarkAtTheStartStays) {
  EXPECT_EQ(normalize_japanese("ﾞﾟ"), "ﾞﾟ");
}

}  // namespace
}  // namespace vlm
