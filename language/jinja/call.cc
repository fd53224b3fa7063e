#include "language/jinja/call.h"

#include <algorithm>

#include "language/jinja/code_points.h"
#include "language/jinja/problem.h"

namespace vlm {
void JinjaCall::check_parameters(std::initializer_list<std::string_view> parameters) const {
  if (arguments.size() > parameters.size()) {
    jinja_fail(line, name + " takes at most " + std::to_string(parameters.size()) +
                         " arguments: " + std::to_string(arguments.size()));
  }
  for (const auto& [keyword, value] : keywords) {
    if (std::ranges::find(parameters, keyword) == parameters.end()) {
      jinja_unsupported(line, "argument " + keyword + " of " + name);
    }
  }
}

const JinjaValue* JinjaCall::find(std::size_t place, std::string_view keyword) const {
  if (place < arguments.size()) return &arguments[place];
  for (const auto& [key, value] : keywords) {
    if (key == keyword) return &value;
  }
  return nullptr;
}

const JinjaValue& JinjaCall::at(std::size_t place, std::string_view keyword) const {
  const JinjaValue* value = find(place, keyword);
  if (value == nullptr) jinja_fail(line, name + " needs an argument: " + std::string(keyword));
  return *value;
}

const std::string& JinjaCall::text(std::size_t place, std::string_view keyword) const {
  const JinjaValue& value = at(place, keyword);
  if (value.as_text() == nullptr) wrong_type("str", value);
  return *value.as_text();
}

std::string JinjaCall::text_or(std::size_t place, std::string_view keyword,
                               const std::string& fallback) const {
  return find(place, keyword) == nullptr ? fallback : text(place, keyword);
}

std::int64_t JinjaCall::integer_or(std::size_t place, std::string_view keyword,
                                   std::int64_t fallback) const {
  const JinjaValue* value = find(place, keyword);
  if (value == nullptr) return fallback;
  if (!value->is_integer()) wrong_type("int", *value);
  return value->to_integer();
}

bool JinjaCall::boolean_or(std::size_t place, std::string_view keyword, bool fallback) const {
  const JinjaValue* value = find(place, keyword);
  return value == nullptr ? fallback : value->is_true();
}

void JinjaCall::wrong_type(const std::string& wanted, const JinjaValue& seen) const {
  if (const JinjaUndefined* undefined = seen.as_undefined()) {
    jinja_fail(line, name + ": '" + undefined->name + "' is undefined");
  }
  jinja_fail(line, name + " needs " + wanted + ": " + seen.type_name());
}

std::vector<JinjaValue> jinja_items(const JinjaValue& value, const JinjaCall& call) {
  std::vector<JinjaValue> items;
  if (value.is_undefined()) return items;
  if (const JinjaSequence* sequence = value.as_sequence()) {
    call.budget->spend(sequence->items.size() * kJinjaItemCost);
    return sequence->items;
  }
  if (const JinjaDict* dict = value.as_dict()) {
    call.budget->spend(dict->entries.size() * kJinjaItemCost);
    for (const auto& [key, entry] : dict->entries) items.push_back(JinjaValue::text(key));
    return items;
  }
  const std::string* text = value.as_text();
  if (text == nullptr) call.wrong_type("something to iterate over", value);
  call.budget->spend(text->size() * kJinjaItemCost);
  const std::vector<std::size_t> offsets = code_point_offsets(*text);
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
    items.push_back(JinjaValue::text(text->substr(offsets[i], offsets[i + 1] - offsets[i])));
  }
  return items;
}

}  // namespace vlm
