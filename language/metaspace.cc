#include "language/metaspace.h"

#include "core/error.h"
#include "language/json_components.h"

namespace vlm {

Metaspace::Metaspace(const JsonFields& component)
    : blank_(component.text("replacement")),
      pattern_(TextPattern::literal(blank_)),
      prefix_(parse_prefix(component)),
      splits_(component.boolean_or("split", true)) {
  if (!blank_.empty()) return;
  throw Error(ErrorCode::kCorruptFile,
              "expected a character: " + component.where() + ": replacement: \"\"");
}

// Older files have add_prefix_space instead of prepend_scheme.
Metaspace::Prefix Metaspace::parse_prefix(const JsonFields& component) {
  const bool adds = component.boolean_or("add_prefix_space", true);
  const std::string scheme = component.text_or("prepend_scheme", adds ? "always" : "never");
  if (scheme == "always") return Prefix::kAlways;
  if (scheme == "first") return Prefix::kFirst;
  if (scheme == "never") return Prefix::kNever;
  fail_unsupported("prepend_scheme", component, scheme);
}

std::string Metaspace::spell(std::string_view text, bool at_start) const {
  std::string result = TextPattern::literal(" ").replace(text, blank_);
  const bool wants = prefix_ == Prefix::kAlways || (prefix_ == Prefix::kFirst && at_start);
  return wants && !result.starts_with(blank_) ? blank_ + result : result;
}

std::string Metaspace::unspell(std::string_view token, bool is_first) const {
  return pattern_.replace(token, is_first && prefix_ != Prefix::kNever ? "" : " ");
}

}  // namespace vlm
