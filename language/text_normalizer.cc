#include "language/text_normalizer.h"

#include <cstdint>

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>

#include "core/check.h"
#include "language/json_components.h"
#include "language/text_growth.h"
#include "language/text_pattern.h"

namespace vlm {
namespace {

// ICU's rules for a normal form by its name, null if there is none.
const icu::Normalizer2* unicode_form(const std::string& name) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* form = nullptr;
  if (name == "NFC") form = icu::Normalizer2::getNFCInstance(status);
  if (name == "NFD") form = icu::Normalizer2::getNFDInstance(status);
  if (name == "NFKC") form = icu::Normalizer2::getNFKCInstance(status);
  if (name == "NFKD") form = icu::Normalizer2::getNFKDInstance(status);
  check(U_SUCCESS(status), "ICU has its normalisation data");
  return form;
}

std::string to_form(const icu::Normalizer2& form, std::string_view text) {
  std::string result;
  icu::StringByteSink<std::string> sink(&result);
  UErrorCode status = U_ZERO_ERROR;
  form.normalizeUTF8(0, {text.data(), static_cast<std::int32_t>(text.size())}, sink, nullptr,
                     status);
  check(U_SUCCESS(status), "text is normalised");
  return result;
}

}  // namespace

TextNormalizer::TextNormalizer(const JsonFields& file) {
  for (const JsonFields& component : read_components(file, "normalizer", "normalizers")) {
    steps_.push_back(parse(component));
  }
}

TextNormalizer::Step TextNormalizer::parse(const JsonFields& component) {
  const std::string type = component.text("type");
  if (type == "Prepend") {
    return [prefix = component.text("prepend")](std::string_view text) {
      return text.empty() ? std::string() : prefix + std::string(text);
    };
  }
  if (type == "Replace") {
    return [pattern = parse_text_pattern(component), content = component.text("content")](
               std::string_view text) { return pattern.replace(text, content); };
  }
  if (const icu::Normalizer2* form = unicode_form(type)) {
    return [form](std::string_view text) { return to_form(*form, text); };
  }
  fail_unsupported("normalizer", component, type);
}

std::string TextNormalizer::apply(std::string_view text) const {
  std::string result(text);
  for (const Step& step : steps_) {
    result = step(result);
    check_growth(text.size(), result.size());
  }
  return result;
}

}  // namespace vlm
