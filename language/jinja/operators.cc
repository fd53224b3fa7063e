#include "language/jinja/operators.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "language/jinja/code_points.h"
#include "language/jinja/problem.h"

namespace vlm {
namespace {

[[noreturn]] void unfit(const JinjaCall& call, const JinjaValue& a, const JinjaValue& b) {
  for (const JinjaValue* value : {&a, &b}) {
    if (const JinjaUndefined* undefined = value->as_undefined()) {
      jinja_fail(call.line, call.name + ": '" + undefined->name + "' is undefined");
    }
  }
  jinja_fail(call.line, call.name + " cannot be applied: " + a.type_name() + ", " + b.type_name());
}

std::int64_t integer_result(const JinjaCall& call, char name, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  bool overflows = false;
  if (name == '+') overflows = __builtin_add_overflow(a, b, &result);
  if (name == '-') overflows = __builtin_sub_overflow(a, b, &result);
  if (name == '*') overflows = __builtin_mul_overflow(a, b, &result);
  if (overflows) jinja_fail(call.line, call.name + ": an integer is too large");
  return result;
}

// Rounds towards minus infinity, as Python does.
JinjaValue integer_division(const JinjaCall& call, std::string_view name, std::int64_t a,
                            std::int64_t b) {
  if (b == 0) jinja_fail(call.line, call.name + ": division by zero");
  if (b == -1) {
    return JinjaValue::integer(name == "%" ? 0 : integer_result(call, '-', 0, a));
  }
  const std::int64_t rest = a % b;
  const bool rounds_down = rest != 0 && (rest < 0) != (b < 0);
  if (name == "%") return JinjaValue::integer(rounds_down ? rest + b : rest);
  return JinjaValue::integer(a / b - (rounds_down ? 1 : 0));
}

JinjaValue number_result(const JinjaCall& call, std::string_view name, double a, double b) {
  if (name == "+") return JinjaValue::number(a + b);
  if (name == "-") return JinjaValue::number(a - b);
  if (name == "*") return JinjaValue::number(a * b);
  if (b == 0.0) jinja_fail(call.line, call.name + ": division by zero");
  if (name == "/") return JinjaValue::number(a / b);
  double rest = std::fmod(a, b);
  if (rest != 0.0 && (rest < 0.0) != (b < 0.0)) rest += b;
  return JinjaValue::number(name == "%" ? rest : std::floor((a - rest) / b));
}

JinjaValue arithmetic(const JinjaCall& call, std::string_view name, const JinjaValue& a,
                      const JinjaValue& b) {
  if (!a.is_integer() || !b.is_integer() || name == "/") {
    return number_result(call, name, a.to_number(), b.to_number());
  }
  if (name == "//" || name == "%") {
    return integer_division(call, name, a.to_integer(), b.to_integer());
  }
  return JinjaValue::integer(integer_result(call, name.front(), a.to_integer(), b.to_integer()));
}

JinjaValue joined_sequences(const JinjaCall& call, const JinjaSequence& a, const JinjaSequence& b) {
  call.budget->spend((a.items.size() + b.items.size()) * kJinjaItemCost);
  std::vector<JinjaValue> items = a.items;
  items.insert(items.end(), b.items.begin(), b.items.end());
  return JinjaValue::sequence(std::move(items), a.kind);
}

JinjaValue repeated_text(const JinjaCall& call, const std::string& text, std::int64_t count) {
  const auto times = static_cast<std::size_t>(std::max<std::int64_t>(count, 0));
  std::size_t size = 0;
  if (__builtin_mul_overflow(times, text.size(), &size)) {
    size = std::numeric_limits<std::size_t>::max();
  }
  call.budget->spend(size);
  std::string result;
  for (std::size_t i = 0; i < times && !text.empty(); ++i) result += text;
  return JinjaValue::text(std::move(result));
}

int three_way(const JinjaCall& call, const JinjaValue& a, const JinjaValue& b) {
  if (a.is_number() && b.is_number()) {
    if (a.is_integer() && b.is_integer()) {
      return a.to_integer() < b.to_integer() ? -1 : a.to_integer() > b.to_integer() ? 1 : 0;
    }
    return a.to_number() < b.to_number() ? -1 : a.to_number() > b.to_number() ? 1 : 0;
  }
  if (a.as_text() == nullptr || b.as_text() == nullptr) unfit(call, a, b);
  return a.as_text()->compare(*b.as_text());  // UTF-8 has the order of the code points
}

bool contains(const JinjaCall& call, const JinjaValue& item, const JinjaValue& container) {
  if (const std::string* text = container.as_text()) {
    if (item.as_text() == nullptr) unfit(call, item, container);
    call.budget->spend(text->size());
    return text->find(*item.as_text()) != std::string::npos;
  }
  if (const JinjaDict* dict = container.as_dict()) {
    call.budget->spend(dict->entries.size());
    return item.as_text() != nullptr && dict->find(*item.as_text()) != nullptr;
  }
  const JinjaSequence* sequence = container.as_sequence();
  if (sequence == nullptr && !container.is_undefined()) unfit(call, item, container);
  if (sequence == nullptr) return false;
  return std::ranges::any_of(sequence->items, [&](const JinjaValue& other) {
    return jinja_equal(item, other, *call.budget);
  });
}

// The step of a slice, 1 if absent. Larger ones than the sequence are as good as its length.
std::int64_t stride_of(const JinjaCall& call, std::int64_t count, const JinjaValue* step) {
  if (step == nullptr || step->is_none()) return 1;
  if (!step->is_integer()) call.wrong_type("int", *step);
  const auto stride = std::clamp<std::int64_t>(step->to_integer(), -count - 1, count + 1);
  if (stride == 0) jinja_fail(call.line, "a slice with step 0");
  return stride;
}

// Python's rules for the ends and the step.
std::vector<std::size_t> slice_places(const JinjaCall& call, std::size_t size,
                                      const JinjaValue* start, const JinjaValue* stop,
                                      const JinjaValue* step) {
  const auto count = static_cast<std::int64_t>(size);
  const std::int64_t stride = stride_of(call, count, step);
  const bool forward = stride > 0;
  const auto end_of = [&](const JinjaValue* given, std::int64_t fallback) -> std::int64_t {
    if (given == nullptr || given->is_none()) return fallback;
    if (!given->is_integer()) call.wrong_type("int", *given);
    std::int64_t index = given->to_integer();
    if (index < 0) index = std::max<std::int64_t>(index, -count - 1) + count;
    return std::clamp<std::int64_t>(index, forward ? 0 : -1, forward ? count : count - 1);
  };
  const std::int64_t first = end_of(start, forward ? 0 : count - 1);
  const std::int64_t last = end_of(stop, forward ? count : -1);
  std::vector<std::size_t> places;
  for (std::int64_t i = first; forward ? i < last : i > last; i += stride) {
    places.push_back(static_cast<std::size_t>(i));
  }
  return places;
}

// The place of an index that may count from the end; false: outside.
bool find_place(const JinjaValue& index, std::size_t size, std::size_t& place) {
  const std::int64_t number = index.to_integer();
  const auto count = static_cast<std::int64_t>(size);
  if (number >= count || number < -count) return false;
  place = static_cast<std::size_t>(number < 0 ? number + count : number);
  return true;
}

}  // namespace

JinjaValue jinja_binary(const JinjaCall& call, std::string_view name, const JinjaValue& a,
                        const JinjaValue& b) {
  if (name == "~") {
    return JinjaValue::text(jinja_text(a, *call.budget) + jinja_text(b, *call.budget));
  }
  if (a.is_number() && b.is_number()) return arithmetic(call, name, a, b);
  if (name == "+" && a.as_text() != nullptr && b.as_text() != nullptr) {
    call.budget->spend(a.as_text()->size() + b.as_text()->size());
    return JinjaValue::text(*a.as_text() + *b.as_text());
  }
  if (name == "+" && a.as_sequence() != nullptr && b.as_sequence() != nullptr &&
      a.as_sequence()->is_list_or_tuple() && a.as_sequence()->kind == b.as_sequence()->kind) {
    return joined_sequences(call, *a.as_sequence(), *b.as_sequence());
  }
  if (name == "*" && a.as_text() != nullptr && b.is_integer()) {
    return repeated_text(call, *a.as_text(), b.to_integer());
  }
  if (name == "%" && a.as_text() != nullptr) jinja_unsupported(call.line, "% on a text");
  unfit(call, a, b);
}

bool jinja_compare(const JinjaCall& call, std::string_view name, const JinjaValue& a,
                   const JinjaValue& b) {
  if (name == "==") return jinja_equal(a, b, *call.budget);
  if (name == "!=") return !jinja_equal(a, b, *call.budget);
  if (name == "in") return contains(call, a, b);
  if (name == "not in") return !contains(call, a, b);
  const int order = three_way(call, a, b);
  if (name == "<") return order < 0;
  if (name == "<=") return order <= 0;
  return name == ">" ? order > 0 : order >= 0;
}

JinjaValue jinja_negative(const JinjaCall& call, const JinjaValue& value) {
  if (!value.is_number()) call.wrong_type("a number", value);
  if (!value.is_integer()) return JinjaValue::number(-value.to_number());
  return arithmetic(call, "-", JinjaValue::integer(0), value);
}

JinjaValue jinja_attribute(const JinjaCall& call, const JinjaValue& value, std::string_view name) {
  const std::string key(name);
  if (const JinjaUndefined* undefined = value.as_undefined()) {
    jinja_fail(call.line, "'" + undefined->name + "' is undefined: ." + key);
  }
  if (const JinjaNamespace* space = value.as_namespace()) {
    const auto found = space->fields.find(name);
    return found == space->fields.end() ? JinjaValue::undefined(key) : found->second;
  }
  const JinjaDict* dict = value.as_dict();
  const JinjaValue* found = dict != nullptr ? dict->find(name) : nullptr;
  return found != nullptr ? *found : JinjaValue::undefined(key);
}

JinjaValue jinja_subscript(const JinjaCall& call, const JinjaValue& value,
                           const JinjaValue& index) {
  if (const std::string* key = index.as_text()) return jinja_attribute(call, value, *key);
  if (const JinjaUndefined* undefined = value.as_undefined()) {
    jinja_fail(call.line, "'" + undefined->name + "' is undefined: [...]");
  }
  if (!index.is_integer()) return JinjaValue::undefined(index.type_name());
  JinjaValue missing = JinjaValue::undefined(std::to_string(index.to_integer()));
  std::size_t place = 0;
  if (const JinjaSequence* sequence = value.as_sequence()) {
    const bool is_inside =
        sequence->has_places() && find_place(index, sequence->items.size(), place);
    return is_inside ? sequence->items[place] : missing;
  }
  const std::string* text = value.as_text();
  if (text == nullptr) return missing;
  call.budget->spend(text->size());
  const std::vector<std::size_t> offsets = code_point_offsets(*text);
  if (!find_place(index, offsets.size() - 1, place)) return missing;
  return JinjaValue::text(text->substr(offsets[place], offsets[place + 1] - offsets[place]));
}

JinjaValue jinja_slice(const JinjaCall& call, const JinjaValue& value, const JinjaValue* start,
                       const JinjaValue* stop, const JinjaValue* step) {
  if (const JinjaSequence* sequence = value.as_sequence();
      sequence != nullptr && sequence->has_places()) {
    call.budget->spend(sequence->items.size() * kJinjaItemCost);
    std::vector<JinjaValue> items;
    for (const std::size_t place : slice_places(call, sequence->items.size(), start, stop, step)) {
      items.push_back(sequence->items[place]);
    }
    return JinjaValue::sequence(std::move(items), sequence->kind);
  }
  const std::string* text = value.as_text();
  if (text == nullptr) call.wrong_type("a list or str", value);
  call.budget->spend(text->size());
  const std::vector<std::size_t> offsets = code_point_offsets(*text);
  std::string result;
  for (const std::size_t place : slice_places(call, offsets.size() - 1, start, stop, step)) {
    result.append(*text, offsets[place], offsets[place + 1] - offsets[place]);
  }
  return JinjaValue::text(std::move(result));
}

}  // namespace vlm
