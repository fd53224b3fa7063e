#include "merge/name_pattern.h"

#include <cstdint>
#include <utility>

#include <unicode/regex.h>
#include <unicode/unistr.h>

#include "core/error.h"

namespace vlm {

struct NamePattern::Compiled {
  std::unique_ptr<const icu::RegexPattern> pattern;
};

namespace {

// Steps of ICU's matcher (10000 saved states each): enough for any sane expression and name.
constexpr std::int32_t kMostSteps = 200;

}  // namespace

NamePattern::NamePattern(std::string expression, const std::string& place)
    : text_(std::move(expression)) {
  UErrorCode status = U_ZERO_ERROR;
  UParseError where_broken;
  auto compiled = std::make_shared<Compiled>();
  compiled->pattern.reset(icu::RegexPattern::compile(
      icu::UnicodeString::fromUTF8(text_), UREGEX_ERROR_ON_UNKNOWN_ESCAPES, where_broken, status));
  if (U_FAILURE(status)) {
    throw Error(ErrorCode::kInvalidArgument, std::string("no regular expression (") +
                                                 u_errorName(status) + "): " + place + ": '" +
                                                 text_ + "'");
  }
  compiled_ = std::move(compiled);
}

bool NamePattern::is_in(std::string_view name) const {
  const icu::UnicodeString units = icu::UnicodeString::fromUTF8(
      icu::StringPiece(name.data(), static_cast<std::int32_t>(name.size())));
  UErrorCode status = U_ZERO_ERROR;
  const std::unique_ptr<icu::RegexMatcher> matcher(compiled_->pattern->matcher(units, status));
  if (matcher) matcher->setTimeLimit(kMostSteps, status);
  const bool found = U_SUCCESS(status) && matcher->find(status);
  if (U_FAILURE(status)) {
    throw Error(ErrorCode::kInvalidArgument, std::string("regular expression fails (") +
                                                 u_errorName(status) + "): " + std::string(name) +
                                                 ": '" + text_ + "'");
  }
  return found;
}

}  // namespace vlm
