#include "language/jinja/value_tests.h"

#include <array>
#include <optional>

#include "language/jinja/code_points.h"
#include "language/jinja/operators.h"
#include "language/jinja/problem.h"

namespace vlm {
namespace {

struct TypeTest {
  std::string_view name;
  bool (*holds)(const JinjaValue&);
};

constexpr std::array<TypeTest, 14> kTypeTests{{
    {"defined", [](const JinjaValue& v) { return !v.is_undefined(); }},
    {"undefined", [](const JinjaValue& v) { return v.is_undefined(); }},
    {"none", [](const JinjaValue& v) { return v.is_none(); }},
    {"boolean", [](const JinjaValue& v) { return v.is_boolean(); }},
    {"true", [](const JinjaValue& v) { return v.is_boolean() && v.is_true(); }},
    {"false", [](const JinjaValue& v) { return v.is_boolean() && !v.is_true(); }},
    {"integer", [](const JinjaValue& v) { return v.is_integer() && !v.is_boolean(); }},
    {"float", [](const JinjaValue& v) { return v.is<double>(); }},
    {"number", [](const JinjaValue& v) { return v.is_number(); }},
    {"string", [](const JinjaValue& v) { return v.is_text(); }},
    {"mapping", [](const JinjaValue& v) { return v.as_dict() != nullptr; }},
    // jinja2 counts texts as both, and undefined, which has a length of 0 and can be called.
    {"iterable",
     [](const JinjaValue& v) {
       return v.is_text() || v.is_undefined() || v.as_sequence() != nullptr ||
              v.as_dict() != nullptr;
     }},
    {"sequence",
     [](const JinjaValue& v) {
       const JinjaSequence* sequence = v.as_sequence();
       return v.is_text() || v.is_undefined() || v.as_dict() != nullptr ||
              (sequence != nullptr && sequence->has_places());
     }},
    {"callable",
     [](const JinjaValue& v) {
       return v.is_undefined() || v.as_macro() != nullptr || v.as_function() != nullptr;
     }},
}};

// The operator that a test with one argument stands for; "" if it stands for none.
std::string_view comparison_of(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 14> kNames{{
      {"eq", "=="},
      {"equalto", "=="},
      {"ne", "!="},
      {"lt", "<"},
      {"lessthan", "<"},
      {"le", "<="},
      {"gt", ">"},
      {"greaterthan", ">"},
      {"ge", ">="},
      {"in", "in"},
      {"==", "=="},
      {"!=", "!="},
      {"<", "<"},
      {">", ">"},
  }};
  for (const auto& [test, comparison] : kNames) {
    if (test == name) return comparison;
  }
  return "";
}

bool is_divisible(const JinjaValue& value, std::int64_t divisor, const JinjaCall& call) {
  const JinjaValue rest = jinja_binary(call, "%", value, JinjaValue::integer(divisor));
  return rest.is_number() && rest.to_number() == 0.0;
}

}  // namespace

bool jinja_test(std::string_view name, const JinjaValue& value, const JinjaCall& call) {
  for (const TypeTest& test : kTypeTests) {
    if (test.name != name) continue;
    call.check_parameters({});
    return test.holds(value);
  }
  if (const std::string_view comparison = comparison_of(name); !comparison.empty()) {
    call.check_parameters({"other"});
    return jinja_compare(call, comparison, value, call.at(0, "other"));
  }
  if (name == "even" || name == "odd") {
    call.check_parameters({});
    return is_divisible(value, 2, call) == (name == "even");
  }
  if (name == "divisibleby") {
    call.check_parameters({"num"});
    static_cast<void>(call.at(0, "num"));
    return is_divisible(value, call.integer_or(0, "num", 1), call);
  }
  if (name == "lower" || name == "upper") {
    call.check_parameters({});
    const std::string text = jinja_text(value, *call.budget);
    const std::string other = name == "lower" ? python_upper(text) : python_lower(text);
    return text != other && text == (name == "lower" ? python_lower(text) : python_upper(text));
  }
  jinja_unsupported(call.line, "test '" + std::string(name) + "'");
}

}  // namespace vlm
