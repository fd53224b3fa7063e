#include "language/jinja/value.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "core/check.h"
#include "language/jinja/code_points.h"
#include "language/jinja/problem.h"

namespace vlm {
namespace {

constexpr std::size_t kDeepestValue = 64;

std::size_t depth_of(const JinjaValue& value) {
  if (const JinjaSequence* sequence = value.as_sequence()) return sequence->depth;
  if (const JinjaDict* dict = value.as_dict()) return dict->depth;
  return 0;
}

void raise_depth(std::size_t& depth, const JinjaValue& item) {
  depth = std::max(depth, depth_of(item) + 1);
  if (depth > kDeepestValue) {
    throw Error(ErrorCode::kInvalidArgument,
                "chat template: lists nested too deep: " + std::to_string(depth));
  }
}

template <typename Pointed>
const Pointed* pointed(const JinjaValue::Variant& value) {
  const auto* pointer = std::get_if<std::shared_ptr<const Pointed>>(&value);
  return pointer != nullptr ? pointer->get() : nullptr;
}

std::string representation(const JinjaValue& value, JinjaBudget& budget) {
  if (const std::string* text = value.as_text()) {
    budget.spend(text->size());
    return python_repr(*text);
  }
  if (value.is_undefined()) return "Undefined";
  return jinja_text(value, budget);
}

std::string sequence_text(const JinjaSequence& sequence, JinjaBudget& budget) {
  std::string text;
  for (const JinjaValue& item : sequence.items) {
    if (!text.empty()) text += ", ";
    text += representation(item, budget);
  }
  if (sequence.kind == JinjaSequenceKind::kList) return "[" + text + "]";
  return "(" + text + (sequence.items.size() == 1 ? ",)" : ")");
}

std::string dict_text(const JinjaDict& dict, JinjaBudget& budget) {
  std::string text;
  for (const auto& [key, value] : dict.entries) {
    if (!text.empty()) text += ", ";
    text += python_repr(key) + ": " + representation(value, budget);
  }
  return "{" + text + "}";
}

const char* type_name_of(JinjaSequenceKind kind) {
  switch (kind) {
    case JinjaSequenceKind::kList:
      return "list";
    case JinjaSequenceKind::kTuple:
      return "tuple";
    case JinjaSequenceKind::kRange:
      return "range";
    case JinjaSequenceKind::kView:
      return "items, keys or values of a dict";
    case JinjaSequenceKind::kGenerator:
      return "generator";
  }
  check(false, "JinjaSequenceKind: a kind that is not known");
  return "";
}

bool equal_sequences(const JinjaSequence& a, const JinjaSequence& b, JinjaBudget& budget) {
  if (a.kind != b.kind) return false;
  if (!a.is_list_or_tuple()) {
    jinja_unsupported(budget.line(), std::string("comparison: ") + type_name_of(a.kind));
  }
  if (a.items.size() != b.items.size()) return false;
  for (std::size_t i = 0; i < a.items.size(); ++i) {
    if (!jinja_equal(a.items[i], b.items[i], budget)) return false;
  }
  return true;
}

bool equal_dicts(const JinjaDict& a, const JinjaDict& b, JinjaBudget& budget) {
  if (a.entries.size() != b.entries.size()) return false;
  for (const auto& [key, value] : a.entries) {
    const JinjaValue* other = b.find(key);
    if (other == nullptr || !jinja_equal(value, *other, budget)) return false;
  }
  return true;
}

}  // namespace

const JinjaValue* JinjaDict::find(std::string_view key) const {
  for (const auto& [name, value] : entries) {
    if (name == key) return &value;
  }
  return nullptr;
}

void JinjaDict::set(const std::string& key, JinjaValue value) {
  for (auto& [name, old] : entries) {
    if (name != key) continue;
    old = std::move(value);
    return;
  }
  entries.emplace_back(key, std::move(value));
}

JinjaValue JinjaValue::text(std::string value) {
  return JinjaValue(Variant(std::make_shared<const std::string>(std::move(value))));
}

JinjaValue JinjaValue::sequence(std::vector<JinjaValue> items, JinjaSequenceKind kind) {
  auto made = std::make_shared<JinjaSequence>();
  for (const JinjaValue& item : items) raise_depth(made->depth, item);
  made->items = std::move(items);
  made->kind = kind;
  return JinjaValue(Variant(std::shared_ptr<const JinjaSequence>(std::move(made))));
}

JinjaValue JinjaValue::dict(JinjaDict dict) {
  for (const auto& [key, value] : dict.entries) raise_depth(dict.depth, value);
  return JinjaValue(Variant(std::make_shared<const JinjaDict>(std::move(dict))));
}

JinjaValue JinjaValue::from_json(const Json& json) {
  switch (json.type()) {
    case Json::value_t::boolean:
      return boolean(json.get<bool>());
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
      if (json > std::numeric_limits<std::int64_t>::max()) return number(json.get<double>());
      return integer(json.get<std::int64_t>());
    case Json::value_t::number_float:
      return number(json.get<double>());
    case Json::value_t::string:
      return text(json.get<std::string>());
    case Json::value_t::array: {
      std::vector<JinjaValue> items;
      for (const Json& item : json) items.push_back(from_json(item));
      return list(std::move(items));
    }
    case Json::value_t::object: {
      JinjaDict entries;
      for (const auto& [key, value] : json.items()) {
        entries.entries.emplace_back(key, from_json(value));
      }
      return dict(std::move(entries));
    }
    default:
      return none();
  }
}

const std::string* JinjaValue::as_text() const noexcept {
  return pointed<std::string>(value_);
}

const JinjaSequence* JinjaValue::as_sequence() const noexcept {
  return pointed<JinjaSequence>(value_);
}

bool JinjaValue::is_generator() const noexcept {
  const JinjaSequence* items = as_sequence();
  return items != nullptr && items->kind == JinjaSequenceKind::kGenerator;
}

const JinjaDict* JinjaValue::as_dict() const noexcept {
  return pointed<JinjaDict>(value_);
}

JinjaNamespace* JinjaValue::as_namespace() const noexcept {
  JinjaNamespace* const* fields = std::get_if<JinjaNamespace*>(&value_);
  return fields != nullptr ? *fields : nullptr;
}

const JinjaMacro* JinjaValue::as_macro() const noexcept {
  const JinjaMacro* const* macro = std::get_if<const JinjaMacro*>(&value_);
  return macro != nullptr ? *macro : nullptr;
}

std::int64_t JinjaValue::to_integer() const {
  if (const bool* value = std::get_if<bool>(&value_)) return *value ? 1 : 0;
  const auto* value = std::get_if<std::int64_t>(&value_);
  check(value != nullptr, "JinjaValue::to_integer: is_integer()");
  return *value;
}

double JinjaValue::to_number() const {
  if (const double* value = std::get_if<double>(&value_)) return *value;
  return static_cast<double>(to_integer());
}

bool JinjaValue::is_true() const {
  if (is_undefined() || is_none()) return false;
  if (is_number()) return to_number() != 0.0;
  if (const std::string* value = as_text()) return !value->empty();
  if (is_generator()) return true;
  if (const JinjaSequence* items = as_sequence()) return !items->items.empty();
  if (const JinjaDict* entries = as_dict()) return !entries->entries.empty();
  return true;
}

std::string JinjaValue::type_name() const {
  if (is_undefined()) return "undefined";
  if (is_none()) return "none";
  if (is_boolean()) return "bool";
  if (is_integer()) return "int";
  if (is<double>()) return "float";
  if (is_text()) return "str";
  if (const JinjaSequence* items = as_sequence()) return type_name_of(items->kind);
  if (as_dict() != nullptr) return "dict";
  if (as_function() != nullptr) return "function";
  return as_macro() != nullptr ? "macro" : "namespace";
}

bool jinja_equal(const JinjaValue& a, const JinjaValue& b, JinjaBudget& budget) {
  budget.spend(1);
  if (a.is_number() && b.is_number()) {
    if (a.is_integer() && b.is_integer()) return a.to_integer() == b.to_integer();
    return a.to_number() == b.to_number();
  }
  if (a.as_text() != nullptr && b.as_text() != nullptr) return *a.as_text() == *b.as_text();
  if (a.as_sequence() != nullptr && b.as_sequence() != nullptr) {
    return equal_sequences(*a.as_sequence(), *b.as_sequence(), budget);
  }
  if (a.as_dict() != nullptr && b.as_dict() != nullptr) {
    return equal_dicts(*a.as_dict(), *b.as_dict(), budget);
  }
  if (a.as_namespace() != nullptr) return a.as_namespace() == b.as_namespace();
  if (a.as_macro() != nullptr) return a.as_macro() == b.as_macro();
  if (a.as_function() != nullptr && b.as_function() != nullptr) {
    return a.as_function()->name == b.as_function()->name;
  }
  return (a.is_undefined() && b.is_undefined()) || (a.is_none() && b.is_none());
}

std::string jinja_text(const JinjaValue& value, JinjaBudget& budget) {
  budget.spend(1);
  if (value.is_undefined()) return "";
  if (value.is_none()) return "None";
  if (value.is_boolean()) return value.is_true() ? "True" : "False";
  if (value.is_integer()) return std::to_string(value.to_integer());
  if (value.is<double>()) return python_number(value.to_number());
  if (const std::string* text = value.as_text()) {
    budget.spend(text->size());
    return *text;
  }
  if (const JinjaSequence* sequence = value.as_sequence();
      sequence != nullptr && sequence->is_list_or_tuple()) {
    return sequence_text(*sequence, budget);
  }
  if (const JinjaDict* dict = value.as_dict(); dict != nullptr && !dict->is_loop) {
    return dict_text(*dict, budget);
  }
  jinja_unsupported(budget.line(), "text of a value: " + value.type_name());
}

std::string python_number(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::array<char, 400> buffer{};
  const double size = std::abs(value);
  const bool is_plain = size == 0.0 || (size >= 1e-4 && size < 1e16);
  const auto format = is_plain ? std::chars_format::fixed : std::chars_format::scientific;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format).ptr;
  std::string text(buffer.data(), end);
  if (is_plain && text.find('.') == std::string::npos) text += ".0";
  return text;
}

}  // namespace vlm
