#include "language/jinja/methods.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <vector>

#include "language/jinja/code_points.h"
#include "language/jinja/problem.h"

namespace vlm {
namespace {

JinjaValue text_list(const std::vector<std::string>& texts, JinjaBudget& budget) {
  std::vector<JinjaValue> items;
  for (const std::string& text : texts) {
    budget.spend(text.size() + kJinjaItemCost);
    items.push_back(JinjaValue::text(text));
  }
  return JinjaValue::list(std::move(items));
}

// text.split(): at runs of white space.
std::vector<std::string> split_words(std::string_view text, std::size_t most) {
  std::vector<std::string> words;
  std::string_view rest = python_strip(text, StripSide::kLeft);
  while (!rest.empty() && words.size() < most) {
    const std::vector<std::size_t> offsets = code_point_offsets(rest);
    std::size_t end = 0;
    while (end + 1 < offsets.size() &&
           !is_python_space(rest.substr(offsets[end], offsets[end + 1] - offsets[end]))) {
      ++end;
    }
    words.emplace_back(rest.substr(0, offsets[end]));
    rest = python_strip(rest.substr(offsets[end]), StripSide::kLeft);
  }
  if (!rest.empty()) words.emplace_back(rest);
  return words;
}

std::vector<std::string> split_at(const std::string& text, const std::string& separator,
                                  std::size_t most) {
  std::vector<std::string> parts;
  std::size_t start = 0;
  while (parts.size() < most) {
    const std::size_t end = text.find(separator, start);
    if (end == std::string::npos) break;
    parts.push_back(text.substr(start, end - start));
    start = end + separator.size();
  }
  parts.push_back(text.substr(start));
  return parts;
}

JinjaValue split(const std::string& text, const JinjaCall& call) {
  call.check_parameters({"sep", "maxsplit"});
  const std::int64_t limit = call.integer_or(1, "maxsplit", -1);
  const std::size_t most =
      limit < 0 ? std::numeric_limits<std::size_t>::max() : static_cast<std::size_t>(limit);
  const JinjaValue* separator = call.find(0, "sep");
  if (separator == nullptr || separator->is_none()) {
    // Every word costs a pass over the rest.
    for (const char c : text) call.budget->spend(c == ' ' || c == '\n' ? text.size() : 1);
    return text_list(split_words(text, most), *call.budget);
  }
  if (call.text(0, "sep").empty()) jinja_fail(call.line, call.name + ": empty separator");
  return text_list(split_at(text, call.text(0, "sep"), most), *call.budget);
}

bool is_line_end(std::string_view one) {
  constexpr std::array<std::string_view, 10> kEnds{
      "\n", "\r", "\v", "\f", "\x1C", "\x1D", "\x1E", "\xC2\x85", "\xE2\x80\xA8", "\xE2\x80\xA9"};
  return std::ranges::find(kEnds, one) != kEnds.end();
}

JinjaValue split_lines(const std::string& text, const JinjaCall& call) {
  call.check_parameters({});
  const std::vector<std::size_t> offsets = code_point_offsets(text);
  std::vector<std::string> lines;
  std::size_t start = 0;
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
    const std::size_t end = offsets[i];
    const std::string_view one = std::string_view(text).substr(end, offsets[i + 1] - end);
    if (!is_line_end(one)) continue;
    if (one == "\r" && text.substr(offsets[i + 1], 1) == "\n") ++i;
    lines.push_back(text.substr(start, end - start));
    start = offsets[i + 1];
  }
  if (start < text.size()) lines.push_back(text.substr(start));
  return text_list(lines, *call.budget);
}

// startswith and endswith take a text or a tuple of texts.
template <typename Matches>
JinjaValue matches_any(const JinjaCall& call, Matches matches) {
  call.check_parameters({"affix"});
  const JinjaValue& affix = call.at(0, "affix");
  const JinjaSequence* tuple = affix.as_sequence();
  if (tuple == nullptr || tuple->kind != JinjaSequenceKind::kTuple)
    return JinjaValue::boolean(matches(call.text(0, "affix")));
  return JinjaValue::boolean(std::ranges::any_of(tuple->items, [&](const JinjaValue& item) {
    if (item.as_text() == nullptr) call.wrong_type("str", item);
    return matches(*item.as_text());
  }));
}

JinjaValue strip(const std::string& text, StripSide side, const JinjaCall& call) {
  call.check_parameters({"chars"});
  const JinjaValue* characters = call.find(0, "chars");
  const bool has_set = characters != nullptr && !characters->is_none();
  if (has_set && call.text(0, "chars").empty()) return JinjaValue::text(text);
  return JinjaValue::text(
      std::string(python_strip(text, side, has_set ? call.text(0, "chars") : std::string())));
}

std::int64_t find_text(const std::string& text, const std::string& wanted) {
  const std::size_t place = text.find(wanted);
  if (place == std::string::npos) return -1;
  return static_cast<std::int64_t>(count_code_points(std::string_view(text).substr(0, place)));
}

std::int64_t count_text(const std::string& text, const std::string& wanted, const JinjaCall& call) {
  if (wanted.empty()) jinja_unsupported(call.line, "count of an empty text");
  std::int64_t count = 0;
  for (std::size_t at = text.find(wanted); at != std::string::npos;
       at = text.find(wanted, at + wanted.size())) {
    ++count;
  }
  return count;
}

JinjaValue join(const std::string& separator, const JinjaCall& call) {
  call.check_parameters({"items"});
  std::string text;
  bool is_first = true;
  for (const JinjaValue& item : jinja_items(call.at(0, "items"), call)) {
    if (item.as_text() == nullptr) call.wrong_type("texts", item);
    call.budget->spend(separator.size() + item.as_text()->size());
    if (!is_first) text += separator;
    text += *item.as_text();
    is_first = false;
  }
  return JinjaValue::text(std::move(text));
}

// Methods without arguments that give a text.
using TextFunction = std::string (*)(std::string_view);

TextFunction plain_method(std::string_view name) {
  if (name == "upper") return python_upper;
  if (name == "lower") return python_lower;
  if (name == "title") return python_title;
  if (name == "capitalize") return python_capitalize;
  return nullptr;
}

JinjaValue affix_method(std::string_view name, const std::string& text, const JinjaCall& call) {
  const std::string& affix = call.text(0, "affix");
  call.check_parameters({"affix"});
  if (name == "removeprefix") {
    return JinjaValue::text(text.starts_with(affix) ? text.substr(affix.size()) : text);
  }
  return JinjaValue::text(text.ends_with(affix) ? text.substr(0, text.size() - affix.size())
                                                : text);
}

JinjaValue text_method(std::string_view name, const std::string& text, const JinjaCall& call) {
  call.budget->spend(2 * text.size());
  if (const TextFunction function = plain_method(name)) {
    call.check_parameters({});
    return JinjaValue::text(function(text));
  }
  if (name == "strip") return strip(text, StripSide::kBoth, call);
  if (name == "lstrip") return strip(text, StripSide::kLeft, call);
  if (name == "rstrip") return strip(text, StripSide::kRight, call);
  if (name == "split") return split(text, call);
  if (name == "splitlines") return split_lines(text, call);
  if (name == "join") return join(text, call);
  if (name == "startswith") {
    return matches_any(call, [&](const std::string& affix) { return text.starts_with(affix); });
  }
  if (name == "endswith") {
    return matches_any(call, [&](const std::string& affix) { return text.ends_with(affix); });
  }
  if (name == "removeprefix" || name == "removesuffix") return affix_method(name, text, call);
  if (name == "replace") {
    call.check_parameters({"old", "new", "count"});
    return JinjaValue::text(python_replace(text, call.text(0, "old"), call.text(1, "new"),
                                           call.integer_or(2, "count", -1), *call.budget));
  }
  if (name == "find" || name == "count") {
    call.check_parameters({"sub"});
    const std::string& wanted = call.text(0, "sub");
    return JinjaValue::integer(name == "find" ? find_text(text, wanted)
                                              : count_text(text, wanted, call));
  }
  jinja_unsupported(call.line, "method '" + std::string(name) + "' of a str");
}

JinjaValue dict_method(std::string_view name, const JinjaDict& dict, const JinjaCall& call) {
  if (name == "get") {
    call.check_parameters({"key", "default"});
    const JinjaValue& key = call.at(0, "key");
    const JinjaValue* found = key.as_text() != nullptr ? dict.find(*key.as_text()) : nullptr;
    if (found != nullptr) return *found;
    const JinjaValue* fallback = call.find(1, "default");
    return fallback != nullptr ? *fallback : JinjaValue::none();
  }
  call.check_parameters({});
  if (name == "items") {
    return JinjaValue::sequence(jinja_dict_items(dict, *call.budget), JinjaSequenceKind::kView);
  }
  call.budget->spend(dict.entries.size() * kJinjaItemCost);
  std::vector<JinjaValue> items;
  for (const auto& [key, value] : dict.entries) {
    items.push_back(name == "keys" ? JinjaValue::text(key) : value);
  }
  return JinjaValue::sequence(std::move(items), JinjaSequenceKind::kView);
}

}  // namespace

bool is_dict_method(std::string_view name) {
  constexpr std::array<std::string_view, 4> kNames{"get", "items", "keys", "values"};
  return std::ranges::find(kNames, name) != kNames.end();
}

JinjaValue jinja_method(std::string_view name, const JinjaValue& object, const JinjaCall& call) {
  if (const std::string* text = object.as_text()) return text_method(name, *text, call);
  if (const JinjaDict* dict = object.as_dict(); dict != nullptr && is_dict_method(name)) {
    return dict_method(name, *dict, call);
  }
  if (const JinjaUndefined* undefined = object.as_undefined()) {
    jinja_fail(call.line, "'" + undefined->name + "' is undefined: ." + std::string(name) + "()");
  }
  jinja_unsupported(call.line, "method '" + std::string(name) + "' of a " + object.type_name());
}

std::string python_replace(const std::string& text, const std::string& old,
                           const std::string& replacement, std::int64_t count,
                           JinjaBudget& budget) {
  budget.spend(text.size());
  std::string result;
  std::size_t start = 0;
  // An empty text is found before every code point and at the end.
  const std::vector<std::size_t> offsets =
      old.empty() ? code_point_offsets(text) : std::vector<std::size_t>{};
  for (std::size_t i = 0; count != 0; ++i) {
    const std::size_t found =
        old.empty() ? (i < offsets.size() ? offsets[i] : std::string::npos) : text.find(old, start);
    if (found == std::string::npos) break;
    budget.spend(replacement.size() + 1);
    result.append(text, start, found - start);
    result += replacement;
    start = found + old.size();
    if (count > 0) --count;
  }
  return result.append(text, start);
}

std::vector<JinjaValue> jinja_dict_items(const JinjaDict& dict, JinjaBudget& budget) {
  std::vector<JinjaValue> items;
  for (const auto& [key, value] : dict.entries) {
    budget.spend(3 * kJinjaItemCost);
    items.push_back(JinjaValue::tuple({JinjaValue::text(key), value}));
  }
  return items;
}

}  // namespace vlm
