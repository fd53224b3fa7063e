#include "eval/segmentation.h"

#include <algorithm>
#include <utility>

#include <unicode/brkiter.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include "core/error.h"
#include "core/nearest_name.h"
#include "eval/code_points.h"
#include "eval/text_normalization.h"

namespace vlm {
namespace {

// Punctuation, separators, and control, format, unassigned and private-use code points.
bool is_token_letter(char32_t code_point) {
  constexpr std::uint32_t kNoToken = U_GC_P_MASK | U_GC_Z_MASK | U_GC_C_MASK;
  return (U_GET_GC_MASK(static_cast<UChar32>(code_point)) & kNoToken) == 0;
}

}  // namespace

ScoreTokenizer parse_score_tokenizer(std::string_view name) {
  if (name == "icu") return ScoreTokenizer::kIcuWord;
  if (name == "char") return ScoreTokenizer::kCharacter;
  if (name == "mecab") {
    throw Error(ErrorCode::kUnsupported,
                "tokenizer is not part of this build: 'mecab' (known: icu, char)");
  }
  const std::vector<std::string> known{"icu", "char"};
  throw Error(ErrorCode::kInvalidArgument,
              "unknown tokenizer: '" + std::string(name) + "'" + name_hint(name, known));
}

std::string score_tokenizer_name(ScoreTokenizer tokenizer) {
  return tokenizer == ScoreTokenizer::kIcuWord ? "icu" : "char";
}

struct WordSegmenter::State {
  std::unique_ptr<icu::BreakIterator> prototype;
};

WordSegmenter::WordSegmenter() : state_(std::make_unique<State>()) {
  UErrorCode status = U_ZERO_ERROR;
  state_->prototype.reset(icu::BreakIterator::createWordInstance(icu::Locale("ja"), status));
  if (U_FAILURE(status) != 0 || state_->prototype == nullptr) {
    throw Error(ErrorCode::kUnsupported,
                std::string("ICU cannot find Japanese words: ") + u_errorName(status));
  }
}

WordSegmenter::~WordSegmenter() = default;

std::vector<std::string> WordSegmenter::segments(std::string_view text) const {
  const std::string valid = encode_utf8(decode_utf8(text));
  const auto utf16 = icu::UnicodeString::fromUTF8(valid);
  const std::unique_ptr<icu::BreakIterator> boundaries(state_->prototype->clone());
  boundaries->setText(utf16);
  std::vector<std::string> result;
  std::int32_t start = boundaries->first();
  for (std::int32_t end = boundaries->next(); end != icu::BreakIterator::DONE;
       end = boundaries->next()) {
    std::string segment;
    utf16.tempSubStringBetween(start, end).toUTF8String(segment);
    result.push_back(std::move(segment));
    start = end;
  }
  return result;
}

std::vector<std::string> WordSegmenter::words(std::string_view text) const {
  std::vector<std::string> result = segments(text);
  std::erase_if(result, [](const std::string& segment) {
    const std::u32string letters = decode_utf8(segment);
    return std::none_of(letters.begin(), letters.end(), is_token_letter);
  });
  return result;
}

std::vector<std::string> character_tokens(std::string_view text) {
  std::vector<std::string> result;
  for (const char32_t code_point : decode_utf8(text)) {
    if (!is_white_space(code_point)) result.push_back(encode_utf8({&code_point, 1}));
  }
  return result;
}

std::vector<std::string> tokenize(ScoreTokenizer tokenizer, const WordSegmenter& segmenter,
                                  std::string_view text) {
  const std::string normalized = normalize_text(text);
  return tokenizer == ScoreTokenizer::kIcuWord ? segmenter.words(normalized)
                                               : character_tokens(normalized);
}

}  // namespace vlm
