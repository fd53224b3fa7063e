#include "language/jinja/filters.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string>
#include <vector>

#include "language/jinja/code_points.h"
#include "language/jinja/json_text.h"
#include "language/jinja/methods.h"
#include "language/jinja/operators.h"
#include "language/jinja/problem.h"
#include "language/jinja/value_tests.h"

namespace vlm {
namespace {

// A filter's own view of `value` as text, as jinja2's soft_str.
std::string text_of(const JinjaValue& value, const JinjaCall& call) {
  std::string text = jinja_text(value, *call.budget);
  call.budget->spend(2 * text.size());
  return text;
}

JinjaValue trim(const JinjaValue& value, const JinjaCall& call) {
  call.check_parameters({"chars"});
  const std::string text = text_of(value, call);
  return JinjaValue::text(
      std::string(python_strip(text, StripSide::kBoth, call.text_or(0, "chars", ""))));
}

// A letter is large at the start and after white space or one of - ( { [ <.
std::string titled(std::string_view text) {
  const std::vector<std::size_t> offsets = code_point_offsets(text);
  std::string result;
  bool starts_word = true;
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
    const std::string_view one = text.substr(offsets[i], offsets[i + 1] - offsets[i]);
    result += starts_word ? python_upper(one) : python_lower(one);
    starts_word =
        is_python_space(one) || std::string_view("-({[<").find(one) != std::string_view::npos;
  }
  return result;
}

template <std::string (*Function)(std::string_view)>
JinjaValue text_filter(const JinjaValue& value, const JinjaCall& call) {
  call.check_parameters({});
  return JinjaValue::text(Function(text_of(value, call)));
}

JinjaValue length(const JinjaValue& value, const JinjaCall& call) {
  call.check_parameters({});
  std::size_t count = 0;
  if (const std::string* text = value.as_text()) {
    call.budget->spend(text->size());
    count = count_code_points(*text);
  } else if (const JinjaSequence* sequence = value.as_sequence();
             sequence != nullptr && !value.is_generator()) {
    count = sequence->items.size();
  } else if (const JinjaDict* dict = value.as_dict()) {
    count = dict->entries.size();
  } else if (!value.is_undefined()) {
    call.wrong_type("something with a length", value);
  }
  return JinjaValue::integer(static_cast<std::int64_t>(count));
}

// A dotted path of attributes and indices of an item.
JinjaValue attribute_path(const JinjaValue& item, const std::string& path, const JinjaCall& call) {
  JinjaValue value = item;
  std::size_t start = 0;
  while (start <= path.size()) {
    const std::size_t end = std::min(path.find('.', start), path.size());
    const std::string part = path.substr(start, end - start);
    std::int64_t index = 0;
    const auto [stop, error] = std::from_chars(part.data(), part.data() + part.size(), index);
    const bool is_index = error == std::errc() && stop == part.data() + part.size();
    call.budget->spend(part.size() + 1);
    value = jinja_subscript(call, value,
                            is_index ? JinjaValue::integer(index) : JinjaValue::text(part));
    start = end + 1;
  }
  return value;
}

JinjaValue join(const JinjaValue& value, const JinjaCall& call) {
  call.check_parameters({"d", "attribute"});
  const std::string separator = call.text_or(0, "d", "");
  const bool has_attribute = call.find(1, "attribute") != nullptr;
  std::string text;
  bool is_first = true;
  for (const JinjaValue& item : jinja_items(value, call)) {
    call.budget->spend(separator.size());
    if (!is_first) text += separator;
    is_first = false;
    text += has_attribute ? text_of(attribute_path(item, call.text(1, "attribute"), call), call)
                          : text_of(item, call);
  }
  return JinjaValue::text(std::move(text));
}

JinjaValue to_json(const JinjaValue& value, const JinjaCall& call) {
  call.check_parameters({"ensure_ascii", "indent", "separators", "sort_keys"});
  const JinjaValue* separators = call.find(2, "separators");
  if (separators != nullptr && !separators->is_none()) {
    jinja_unsupported(call.line, "argument separators of " + call.name);
  }
  JsonTextStyle style;
  style.ascii_only = call.boolean_or(0, "ensure_ascii", false);
  style.sort_keys = call.boolean_or(3, "sort_keys", false);
  const JinjaValue* indent = call.find(1, "indent");
  if (indent != nullptr && !indent->is_none()) {
    const std::int64_t blanks = call.integer_or(1, "indent", 0);
    if (blanks < 0 || blanks > 100) jinja_fail(call.line, call.name + ": no sensible indent");
    style.indent = static_cast<std::size_t>(blanks);
  }
  return JinjaValue::text(jinja_json(value, style, call));
}

JinjaValue fallback(const JinjaValue& value, const JinjaCall& call) {
  call.check_parameters({"default_value", "boolean"});
  const bool replaces =
      value.is_undefined() || (call.boolean_or(1, "boolean", false) && !value.is_true());
  if (!replaces) return value;
  const JinjaValue* other = call.find(0, "default_value");
  return other != nullptr ? *other : JinjaValue::text("");
}

JinjaValue first(const JinjaValue& value, const JinjaCall& call) {
  call.check_parameters({});
  const std::vector<JinjaValue> items = jinja_items(value, call);
  return items.empty() ? JinjaValue::undefined("the first item of nothing") : items.front();
}

JinjaValue last(const JinjaValue& value, const JinjaCall& call) {
  call.check_parameters({});
  const std::vector<JinjaValue> items = jinja_items(value, call);
  return items.empty() ? JinjaValue::undefined("the last item of nothing") : items.back();
}

JinjaValue list(const JinjaValue& value, const JinjaCall& call) {
  call.check_parameters({});
  return JinjaValue::list(jinja_items(value, call));
}

JinjaValue reverse(const JinjaValue& value, const JinjaCall& call) {
  call.check_parameters({});
  std::vector<JinjaValue> items = jinja_items(value, call);
  std::ranges::reverse(items);
  if (value.as_text() == nullptr) return JinjaValue::generator(std::move(items));
  std::string text;
  for (const JinjaValue& item : items) text += *item.as_text();
  return JinjaValue::text(std::move(text));
}

JinjaValue replace(const JinjaValue& value, const JinjaCall& call) {
  call.check_parameters({"old", "new", "count"});
  const JinjaValue* count = call.find(2, "count");
  const std::int64_t most =
      count == nullptr || count->is_none() ? -1 : call.integer_or(2, "count", -1);
  return JinjaValue::text(python_replace(text_of(value, call), call.text(0, "old"),
                                         call.text(1, "new"), most, *call.budget));
}

JinjaValue string(const JinjaValue& value, const JinjaCall& call) {
  call.check_parameters({});
  return JinjaValue::text(text_of(value, call));
}

JinjaValue to_integer(const JinjaValue& value, const JinjaCall& call) {
  call.check_parameters({"default"});
  if (value.is_integer()) return JinjaValue::integer(value.to_integer());
  if (value.is<double>() && std::abs(value.to_number()) < 0x1p62) {
    return JinjaValue::integer(static_cast<std::int64_t>(value.to_number()));
  }
  if (const std::string* text = value.as_text()) {
    const std::string_view digits = python_strip(*text);
    std::int64_t number = 0;
    const auto [stop, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error == std::errc() && stop == digits.data() + digits.size()) {
      return JinjaValue::integer(number);
    }
    if (digits.find_first_of("0123456789") != std::string_view::npos) {
      jinja_unsupported(call.line, call.name + " of the text " + python_repr(*text));
    }
  }
  return JinjaValue::integer(call.integer_or(0, "default", 0));
}

JinjaValue absolute(const JinjaValue& value, const JinjaCall& call) {
  call.check_parameters({});
  if (!value.is_number()) call.wrong_type("a number", value);
  return value.to_number() < 0 ? jinja_negative(call, value) : value;
}

// The call of a test or filter that an argument names, with the arguments behind it.
JinjaCall inner_call(const JinjaCall& call, std::size_t place) {
  JinjaCall inner{call.text(place, "name"), call.line, call.budget, {}, {}};
  for (std::size_t i = place + 1; i < call.arguments.size(); ++i) {
    inner.arguments.push_back(call.arguments[i]);
  }
  return inner;
}

// select, reject, selectattr, rejectattr: items for which a test, by default truth, holds or not.
JinjaValue choose(const JinjaValue& value, const JinjaCall& call, bool by_attribute, bool wanted) {
  if (!call.keywords.empty()) call.check_parameters({});
  const std::size_t test_place = by_attribute ? 1 : 0;
  std::vector<JinjaValue> chosen;
  for (const JinjaValue& item : jinja_items(value, call)) {
    const JinjaValue subject =
        by_attribute ? attribute_path(item, call.text(0, "attribute"), call) : item;
    call.budget->spend(kJinjaItemCost);
    bool holds = false;
    if (call.arguments.size() > test_place) {
      const JinjaCall test = inner_call(call, test_place);
      holds = jinja_test(test.name, subject, test);
    } else {
      holds = subject.is_true();
    }
    if (holds == wanted) chosen.push_back(item);
  }
  return JinjaValue::generator(std::move(chosen));
}

// map('filter', ...) or map(attribute='a.b', default=...).
JinjaValue map(const JinjaValue& value, const JinjaCall& call) {
  std::vector<JinjaValue> mapped;
  const bool by_attribute = call.arguments.empty();
  if (by_attribute) {
    call.check_parameters({"attribute", "default"});
    static_cast<void>(call.text(0, "attribute"));
  } else if (!call.keywords.empty()) {
    jinja_unsupported(call.line, "named arguments of " + call.name);
  }
  for (const JinjaValue& item : jinja_items(value, call)) {
    call.budget->spend(kJinjaItemCost);
    if (by_attribute) {
      const JinjaValue found = attribute_path(item, call.text(0, "attribute"), call);
      const JinjaValue* other = call.find(1, "default");
      mapped.push_back(found.is_undefined() && other != nullptr ? *other : found);
    } else {
      const JinjaCall filter = inner_call(call, 0);
      if (filter.name == "map") jinja_unsupported(call.line, "map('map')");
      mapped.push_back(jinja_filter(filter.name, item, filter));
    }
  }
  return JinjaValue::generator(std::move(mapped));
}

const JinjaDict& dict_of(const JinjaValue& value, const JinjaCall& call) {
  if (value.as_dict() == nullptr) call.wrong_type("dict", value);
  return *value.as_dict();
}

JinjaValue items(const JinjaValue& value, const JinjaCall& call) {
  call.check_parameters({});
  if (value.is_undefined()) return JinjaValue::generator({});
  return JinjaValue::generator(jinja_dict_items(dict_of(value, call), *call.budget));
}

// By key, without regard to case.
JinjaValue sorted_dict(const JinjaValue& value, const JinjaCall& call) {
  call.check_parameters({});
  JinjaDict dict = dict_of(value, call);
  call.budget->spend(dict.entries.size() * kJinjaItemCost);
  std::ranges::stable_sort(dict.entries, [](const auto& a, const auto& b) {
    return python_lower(a.first) < python_lower(b.first);
  });
  return JinjaValue::list(jinja_dict_items(dict, *call.budget));
}

JinjaValue indent(const JinjaValue& value, const JinjaCall& call) {
  call.check_parameters({"width", "first", "blank"});
  const JinjaValue* width = call.find(0, "width");
  std::string margin;
  if (width != nullptr && width->as_text() != nullptr) {
    margin = *width->as_text();
  } else {
    const std::int64_t blanks = call.integer_or(0, "width", 4);
    call.budget->spend(static_cast<std::size_t>(std::max<std::int64_t>(blanks, 0)));
    margin = std::string(static_cast<std::size_t>(std::max<std::int64_t>(blanks, 0)), ' ');
  }
  const bool with_blank = call.boolean_or(2, "blank", false);
  const std::string text = text_of(value, call);
  std::string result = call.boolean_or(1, "first", false) ? margin : "";
  for (std::size_t i = 0; i < text.size(); ++i) {
    result += text[i];
    if (text[i] != '\n') continue;
    const bool is_blank = i + 1 == text.size() || text[i + 1] == '\n';
    if (is_blank && !with_blank) continue;
    call.budget->spend(margin.size());
    result += margin;
  }
  return JinjaValue::text(std::move(result));
}

JinjaValue unchanged(const JinjaValue& value, const JinjaCall& call) {
  call.check_parameters({});
  return value;
}

struct Filter {
  std::string_view name;
  JinjaValue (*apply)(const JinjaValue& value, const JinjaCall& call);
};

constexpr std::array<Filter, 28> kFilters{{
    {"trim", trim},
    {"upper", text_filter<python_upper>},
    {"lower", text_filter<python_lower>},
    {"capitalize", text_filter<python_capitalize>},
    {"title", text_filter<titled>},
    {"length", length},
    {"count", length},
    {"join", join},
    {"tojson", to_json},
    {"default", fallback},
    {"d", fallback},
    {"first", first},
    {"last", last},
    {"list", list},
    {"reverse", reverse},
    {"replace", replace},
    {"string", string},
    {"int", to_integer},
    {"abs", absolute},
    {"map", map},
    {"select", [](const JinjaValue& v, const JinjaCall& c) { return choose(v, c, false, true); }},
    {"reject", [](const JinjaValue& v, const JinjaCall& c) { return choose(v, c, false, false); }},
    {"selectattr",
     [](const JinjaValue& v, const JinjaCall& c) { return choose(v, c, true, true); }},
    {"rejectattr",
     [](const JinjaValue& v, const JinjaCall& c) { return choose(v, c, true, false); }},
    {"items", items},
    {"dictsort", sorted_dict},
    {"indent", indent},
    {"safe", unchanged},
}};

}  // namespace

JinjaValue jinja_filter(std::string_view name, const JinjaValue& value, const JinjaCall& call) {
  for (const Filter& filter : kFilters) {
    if (filter.name == name) return filter.apply(value, call);
  }
  jinja_unsupported(call.line, "filter '" + std::string(name) + "'");
}

}  // namespace vlm
