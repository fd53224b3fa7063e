#include "eval/segmentation.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/thread_pool.h"
#include "tests/eval/golden_lines.h"

namespace vlm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Texts = std::vector<std::string>;

TEST(Segmentation, EqualsIcu72) {
  const WordSegmenter segmenter;
  const auto lines = golden_lines("icu_segments.jsonl");
  EXPECT_EQ(lines.size(), 113U);
  for (const auto& [line, where] : lines) {
    const auto text = line["text"].get<std::string>();
    EXPECT_EQ(segmenter.segments(text), line["segments"].get<Texts>()) << where;
    EXPECT_EQ(segmenter.words(text), line["tokens"].get<Texts>()) << where;
  }
}

TEST(Segmentation, IsTheSameFromSeveralThreads) {
  const WordSegmenter segmenter;
  const auto lines = golden_lines("icu_segments.jsonl");
  std::vector<Texts> results(8 * lines.size());
  ThreadPool pool(4);
  pool.parallel_for(results.size(), [&](std::size_t i) {
    results[i] = segmenter.segments(lines[i % lines.size()].object["text"].get<std::string>());
  });
  for (std::size_t i = 0; i < results.size(); ++i) {
    EXPECT_EQ(results[i], lines[i % lines.size()].object["segments"].get<Texts>());
  }
}

TEST(Segmentation, CharactersAreAllButWhiteSpace) {
  EXPECT_THAT(character_tokens("a 猫。\n𠮷"), ElementsAre("a", "猫", "。", "𠮷"));
}

TEST(Segmentation, TokenizerNames) {
  EXPECT_EQ(parse_score_tokenizer("icu"), ScoreTokenizer::kIcuWord);
  EXPECT_EQ(parse_score_tokenizer(score_tokenizer_name(ScoreTokenizer::kCharacter)),
            ScoreTokenizer::kCharacter);
  try {
    parse_score_tokenizer("mecab");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
    EXPECT_THAT(error.what(), HasSubstr("mecab"));
  }
  try {
    parse_score_tokenizer("chars");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("did you mean 'char'?"));
  }
}

}  // namespace
}  // namespace vlm
