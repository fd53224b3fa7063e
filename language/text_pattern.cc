#include "language/text_pattern.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include <unicode/regex.h>
#include <unicode/unistr.h>

#include "core/error.h"

namespace vlm {

struct TextPattern::Expression {
  std::unique_ptr<const icu::RegexPattern> pattern;
  std::string source;
};

namespace {

// As Oniguruma's Ruby syntax: ^ and $ also match at lines, which end with \n alone. A letter with
// an unknown meaning is an error, not itself.
constexpr std::uint32_t kFlags =
    UREGEX_MULTILINE | UREGEX_UNIX_LINES | UREGEX_ERROR_ON_UNKNOWN_ESCAPES;

// Steps of ICU's matcher (10000 saved states each) for a match: enough for any sane expression.
constexpr std::size_t kLeastSteps = 200;
constexpr std::size_t kMostSteps = 1U << 30U;

// \h and \v are classes of white space for ICU, a hexadecimal digit and a character for Oniguruma.
void check_same_meaning(const std::string& expression, const std::string& where) {
  for (std::size_t i = 0; i + 1 < expression.size(); ++i) {
    if (expression[i] != '\\') continue;
    const char letter = expression[++i];
    if (letter != 'h' && letter != 'H' && letter != 'v' && letter != 'V') continue;
    std::string message = "regular expression with ";
    message.append(expression, i - 1, 2).append(" is not supported: ");
    throw Error(ErrorCode::kUnsupported, message.append(where).append(": ").append(expression));
  }
}

std::size_t utf8_bytes(const icu::UnicodeString& text, std::int32_t begin, std::int32_t end) {
  std::size_t bytes = 0;
  for (std::int32_t i = begin; i < end; ++i) {
    const char16_t unit = text.charAt(i);
    const bool surrogate = unit >= 0xD800 && unit < 0xE000;  // half of a character of 4 bytes
    bytes += unit < 0x80 ? 1U : unit < 0x800 || surrogate ? 2U : 3U;
  }
  return bytes;
}

// Appends [end of the last span, begin) and the match [begin, end).
void append_match(std::vector<TextSpan>& spans, std::size_t begin, std::size_t end) {
  const std::size_t before = spans.empty() ? 0 : spans.back().end;
  if (begin > before) spans.push_back({before, begin, false});
  spans.push_back({begin, end, true});
}

void append_rest(std::vector<TextSpan>& spans, std::size_t size) {
  const std::size_t before = spans.empty() ? 0 : spans.back().end;
  if (size > before) spans.push_back({before, size, false});
}

}  // namespace

TextPattern TextPattern::literal(std::string text) {
  TextPattern pattern;
  pattern.literal_ = std::move(text);
  return pattern;
}

TextPattern TextPattern::regex(const std::string& expression, const std::string& where) {
  check_same_meaning(expression, where);
  UErrorCode status = U_ZERO_ERROR;
  UParseError place;
  auto compiled = std::make_shared<Expression>();
  compiled->source = expression;
  compiled->pattern.reset(
      icu::RegexPattern::compile(icu::UnicodeString::fromUTF8(expression), kFlags, place, status));
  if (U_FAILURE(status)) {
    throw Error(ErrorCode::kCorruptFile, std::string("no regular expression (") +
                                             u_errorName(status) + "): " + where + ": " +
                                             expression);
  }
  TextPattern pattern;
  pattern.expression_ = std::move(compiled);
  return pattern;
}

std::vector<TextSpan> TextPattern::split(std::string_view text) const {
  return expression_ == nullptr ? split_at_literal(text) : split_at_expression(text);
}

std::vector<TextSpan> TextPattern::split_at_literal(std::string_view text) const {
  std::vector<TextSpan> spans;
  std::size_t at = literal_.empty() ? std::string_view::npos : text.find(literal_);
  while (at != std::string_view::npos) {
    append_match(spans, at, at + literal_.size());
    at = text.find(literal_, at + literal_.size());
  }
  append_rest(spans, text.size());
  return spans;
}

std::vector<TextSpan> TextPattern::split_at_expression(std::string_view text) const {
  const icu::UnicodeString units = icu::UnicodeString::fromUTF8(
      icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())));
  UErrorCode status = U_ZERO_ERROR;
  const std::unique_ptr<icu::RegexMatcher> matcher(expression_->pattern->matcher(units, status));
  if (matcher) {
    const std::size_t steps = std::min(kLeastSteps + text.size() / 10, kMostSteps);
    matcher->setTimeLimit(static_cast<std::int32_t>(steps), status);
  }
  std::vector<TextSpan> spans;
  std::size_t bytes = 0;  // of the first `counted` units
  std::int32_t counted = 0;
  const auto byte_of = [&](std::int32_t unit) {
    bytes += utf8_bytes(units, counted, unit);
    counted = unit;
    return bytes;
  };
  while (U_SUCCESS(status) && matcher->find(status)) {
    const std::size_t begin = byte_of(matcher->start(status));
    append_match(spans, begin, byte_of(matcher->end(status)));
  }
  if (U_FAILURE(status)) {
    throw Error(ErrorCode::kUnsupported, std::string("regular expression fails (") +
                                             u_errorName(status) +
                                             "): tokenizer.json: " + expression_->source);
  }
  append_rest(spans, text.size());
  return spans;
}

std::string TextPattern::replace(std::string_view text, std::string_view replacement) const {
  std::string result;
  for (const TextSpan& span : split(text)) {
    result += span.is_match ? replacement : text.substr(span.begin, span.end - span.begin);
  }
  return result;
}

TextPattern parse_text_pattern(const JsonFields& fields) {
  const JsonFields pattern = fields.object("pattern");
  if (pattern.has("String")) return TextPattern::literal(pattern.text("String"));
  return TextPattern::regex(pattern.text("Regex"), pattern.where() + ": Regex");
}

}  // namespace vlm
