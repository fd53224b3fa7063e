#include "eval/text_normalization.h"

#include <algorithm>
#include <string_view>

#include <unicode/uchar.h>

#include "eval/code_points.h"

namespace vlm {
namespace {

bool contains(std::u32string_view set, char32_t code_point) {
  return set.find(code_point) != std::u32string_view::npos;
}

bool within(char32_t code_point, char32_t first, char32_t last) {
  return first <= code_point && code_point <= last;
}

bool is_removed_emoji(char32_t c) {
  const bool in_range = within(c, 0x1F300, 0x1F64F) || within(c, 0x1F680, 0x1F6FF) ||
                        within(c, 0x1F1E0, 0x1F1FF) || within(c, 0x2702, 0x27B0);
  return in_range || (c > 0x7F && u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_EMOJI) != 0);
}

constexpr std::u32string_view kHyphens = U"˗֊‐‑‒–⁃⁻₋−";
constexpr std::u32string_view kLongVowelMarks = U"﹣－ｰ—―─━ー";
constexpr std::u32string_view kTildes = U"~∼∾〜〰～";

// Half-width forms U+FF61 ... U+FF9D in order of code points, and their full-width partners.
constexpr std::u32string_view kWideKana =
    U"。「」、・ヲァィゥェォャュョッーアイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホ"
    U"マミムメモヤユヨラリルレロワン";
constexpr char32_t kFirstHalfWidthKana = 0xFF61;

// Letters that a voicing mark joins, each before its voiced form.
constexpr std::u32string_view kVoiced =
    U"カガキギクグケゲコゴサザシジスズセゼソゾタダチヂツヅテデトドハバヒビフブヘベホボウヴうゔ";
constexpr std::u32string_view kHalfVoiced = U"ハパヒピフプヘペホポはぱひぴふぷへぺほぽ";
constexpr char32_t kVoicingMark = 0xFF9E;
constexpr char32_t kHalfVoicingMark = 0xFF9F;

// Full-width marks that neologdn leaves alone.
constexpr std::u32string_view kKeptFullWidth = U"＂＇－＼｀～";

char32_t convert_width(char32_t c) {
  if (within(c, 0xFF01, 0xFF5D) && !contains(kKeptFullWidth, c)) return c - 0xFF01 + U'!';
  if (within(c, kFirstHalfWidthKana, kFirstHalfWidthKana + kWideKana.size() - 1)) {
    return kWideKana[c - kFirstHalfWidthKana];
  }
  switch (c) {
    case U'”':
      return U'"';
    case U'’':
      return U'\'';
    case U'‘':
      return U'`';
    case U'¥':
      return U'\\';
    case U'゛':
      return kVoicingMark;
    case U'゜':
      return kHalfVoicingMark;
    default:
      return c;
  }
}

// The partner of `base` in a table of pairs, or 0 if it has none.
char32_t joined_with_mark(std::u32string_view pairs, char32_t base) {
  for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
    if (pairs[i] == base) return pairs[i + 1];
  }
  return 0;
}

// The scripts beside which blanks are dropped.
bool is_japanese_block(char32_t c) {
  return within(c, 0x4E00, 0x9FFF) || within(c, 0x3040, 0x30FF) || within(c, 0x3001, 0x303F) ||
         within(c, 0xFF00, 0xFFEF);
}

// Takes code points one after another and keeps the normalised text.
class JapaneseNormalizer {
 public:
  void add(char32_t c) {
    if (c == U' ' || c == U'　') {
      add_blank();
    } else if (contains(kHyphens, c)) {
      add_unified(U'-');
    } else if (contains(kLongVowelMarks, c)) {
      add_unified(U'ー');
    } else if (!contains(kTildes, c)) {
      add_other(convert_width(c));
    }
  }

  std::u32string finish() {
    if (!text_.empty() && text_.back() == U' ') text_.pop_back();
    return std::move(text_);
  }

 private:
  // A blank stays after ASCII (but for '*'), until a Japanese letter follows.
  void add_blank() {
    if (previous_ == U' ' || is_japanese_block(previous_)) return;
    if (previous_ != U'*' && !text_.empty() && previous_ <= 0x7F) {
      after_latin_blank_ = true;
      text_ += U' ';
    }
    previous_ = U' ';
  }

  // A run of variants becomes one mark.
  void add_unified(char32_t mark) {
    if (previous_ == mark) return;
    text_ += mark;
    previous_ = mark;
    after_latin_blank_ = false;
  }

  void add_other(char32_t c) {
    char32_t joined = 0;
    if (c == kVoicingMark) joined = joined_with_mark(kVoiced, previous_);
    if (c == kHalfVoicingMark) joined = joined_with_mark(kHalfVoiced, previous_);
    if (joined != 0) {
      text_.pop_back();
      c = joined;
    }
    if (after_latin_blank_ && is_japanese_block(c)) text_.pop_back();
    after_latin_blank_ = false;
    text_ += c;
    previous_ = c;
  }

  std::u32string text_;
  char32_t previous_ = 0;           // the last code point seen, blanks included, tildes not
  bool after_latin_blank_ = false;  // text_ ends with a blank that a Japanese letter removes
};

std::u32string without_emoji(std::u32string text) {
  text.erase(std::remove_if(text.begin(), text.end(), is_removed_emoji), text.end());
  return text;
}

std::u32string with_unified_japanese(std::u32string_view text) {
  JapaneseNormalizer normalizer;
  for (const char32_t c : text) normalizer.add(c);
  std::u32string result = normalizer.finish();
  result.resize(std::min(result.find(U'\0'), result.size()));
  return result;
}

std::u32string with_single_blanks(std::u32string_view text) {
  std::u32string result;
  bool pending = false;
  for (const char32_t c : text) {
    if (is_white_space(c)) {
      pending = !result.empty();
      continue;
    }
    if (pending) result += U' ';
    pending = false;
    result += c;
  }
  return result;
}

}  // namespace

std::string remove_emoji(std::string_view text) {
  return encode_utf8(without_emoji(decode_utf8(text)));
}

std::string normalize_japanese(std::string_view text) {
  return encode_utf8(with_unified_japanese(decode_utf8(text)));
}

std::string normalize_text(std::string_view text) {
  return encode_utf8(with_single_blanks(with_unified_japanese(without_emoji(decode_utf8(text)))));
}

}  // namespace vlm
