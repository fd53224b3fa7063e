#pragma once

// Cutting a text into the tokens that ROUGE counts.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace vlm {

enum class ScoreTokenizer : std::uint8_t {
  kIcuWord,   // ICU word boundaries, locale ja; marks and blanks are no tokens
  kCharacter  // every code point that is not white space
};

// "icu" or "char". Throws Error{kUnsupported} for "mecab" (not built in) and
// Error{kInvalidArgument} for anything else.
ScoreTokenizer parse_score_tokenizer(std::string_view name);
std::string score_tokenizer_name(ScoreTokenizer tokenizer);

// ICU's word BreakIterator for Japanese. Results depend on the ICU version's dictionary (72 here).
// Safe to use from several threads.
class WordSegmenter {
 public:
  // Throws Error{kUnsupported} if ICU has no such data.
  WordSegmenter();
  ~WordSegmenter();
  WordSegmenter(const WordSegmenter&) = delete;
  WordSegmenter& operator=(const WordSegmenter&) = delete;
  WordSegmenter(WordSegmenter&&) = delete;
  WordSegmenter& operator=(WordSegmenter&&) = delete;

  // All segments; joined they give the text.
  [[nodiscard]] std::vector<std::string> segments(std::string_view text) const;
  // The segments with at least one code point outside the general categories P*, Z* and C*.
  [[nodiscard]] std::vector<std::string> words(std::string_view text) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Every code point that is not white space, as a text of its own.
std::vector<std::string> character_tokens(std::string_view text);

// normalize_text(), then the tokens of the given kind.
std::vector<std::string> tokenize(ScoreTokenizer tokenizer, const WordSegmenter& segmenter,
                                  std::string_view text);

}  // namespace vlm
