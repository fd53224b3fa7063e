#pragma once

// What an expression of a template evaluates to: Python's none, bool, int, float, str, list, tuple
// and dict, Jinja's undefined, namespace, macro and functions. Containers cannot be changed,
// namespaces can.

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/json_fields.h"
#include "language/jinja/budget.h"

namespace vlm {

class JinjaValue;
struct JinjaMacro;

struct JinjaUndefined {
  std::string name;  // what was looked for
};

struct JinjaNone {};

// One of those that every template can call (functions.h).
struct JinjaFunction {
  std::string name;
};

// A range() has places, but no text here. A view is what a dict's items(), keys() and values()
// give: it has a length, but no places. A generator is what filters such as `select` give: it is
// always true and has no length.
enum class JinjaSequenceKind : std::uint8_t { kList, kTuple, kRange, kView, kGenerator };

struct JinjaSequence {
  std::vector<JinjaValue> items;
  JinjaSequenceKind kind = JinjaSequenceKind::kList;
  std::size_t depth = 1;  // of containers in it, bounded

  // Can be printed, compared with its like and joined to it.
  [[nodiscard]] bool is_list_or_tuple() const noexcept {
    return kind == JinjaSequenceKind::kList || kind == JinjaSequenceKind::kTuple;
  }
  // Can be indexed and sliced.
  [[nodiscard]] bool has_places() const noexcept {
    return is_list_or_tuple() || kind == JinjaSequenceKind::kRange;
  }
};

// Keys are strings, in the order of their insertion.
struct JinjaDict {
  std::vector<std::pair<std::string, JinjaValue>> entries;
  bool is_loop = false;  // the variable `loop`
  std::size_t depth = 1;

  [[nodiscard]] const JinjaValue* find(std::string_view key) const;
  // Adds an entry or replaces its value.
  void set(const std::string& key, JinjaValue value);
};

struct JinjaNamespace {
  std::map<std::string, JinjaValue, std::less<>> fields;
};

class JinjaValue {
 public:
  using Variant =
      std::variant<JinjaUndefined, JinjaNone, bool, std::int64_t, double,
                   std::shared_ptr<const std::string>, std::shared_ptr<const JinjaSequence>,
                   std::shared_ptr<const JinjaDict>, JinjaNamespace*, const JinjaMacro*,
                   JinjaFunction>;

  JinjaValue() = default;  // undefined
  static JinjaValue undefined(std::string name) {
    return JinjaValue(JinjaUndefined{std::move(name)});
  }
  static JinjaValue none() { return JinjaValue(JinjaNone{}); }
  static JinjaValue boolean(bool value) { return JinjaValue(Variant(value)); }
  static JinjaValue integer(std::int64_t value) { return JinjaValue(Variant(value)); }
  static JinjaValue number(double value) { return JinjaValue(Variant(value)); }
  static JinjaValue text(std::string value);
  // Throw Error{kInvalidArgument} if containers are nested too deep.
  static JinjaValue list(std::vector<JinjaValue> items) {
    return sequence(std::move(items), JinjaSequenceKind::kList);
  }
  static JinjaValue tuple(std::vector<JinjaValue> items) {
    return sequence(std::move(items), JinjaSequenceKind::kTuple);
  }
  static JinjaValue generator(std::vector<JinjaValue> items) {
    return sequence(std::move(items), JinjaSequenceKind::kGenerator);
  }
  static JinjaValue sequence(std::vector<JinjaValue> items, JinjaSequenceKind kind);
  static JinjaValue dict(JinjaDict dict);
  // Both must outlive the value.
  static JinjaValue name_space(JinjaNamespace* fields) { return JinjaValue(Variant(fields)); }
  static JinjaValue macro(const JinjaMacro* macro) { return JinjaValue(Variant(macro)); }
  static JinjaValue function(std::string name) {
    return JinjaValue(JinjaFunction{std::move(name)});
  }
  static JinjaValue from_json(const Json& json);

  template <typename Type>
  [[nodiscard]] bool is() const noexcept {
    return std::holds_alternative<Type>(value_);
  }
  [[nodiscard]] bool is_undefined() const noexcept { return is<JinjaUndefined>(); }
  [[nodiscard]] bool is_none() const noexcept { return is<JinjaNone>(); }
  [[nodiscard]] bool is_boolean() const noexcept { return is<bool>(); }
  [[nodiscard]] bool is_text() const noexcept { return as_text() != nullptr; }
  // An int; Python's bool is one.
  [[nodiscard]] bool is_integer() const noexcept { return is<std::int64_t>() || is<bool>(); }
  [[nodiscard]] bool is_number() const noexcept { return is_integer() || is<double>(); }

  // Null for values of other types.
  [[nodiscard]] const std::string* as_text() const noexcept;
  [[nodiscard]] const JinjaSequence* as_sequence() const noexcept;
  [[nodiscard]] bool is_generator() const noexcept;
  [[nodiscard]] const JinjaDict* as_dict() const noexcept;
  [[nodiscard]] JinjaNamespace* as_namespace() const noexcept;
  [[nodiscard]] const JinjaMacro* as_macro() const noexcept;
  [[nodiscard]] const JinjaFunction* as_function() const noexcept {
    return std::get_if<JinjaFunction>(&value_);
  }
  // REQUIRES: is_integer(), is_number().
  [[nodiscard]] std::int64_t to_integer() const;
  [[nodiscard]] double to_number() const;

  // bool(value).
  [[nodiscard]] bool is_true() const;
  // The name of the type in messages, as Python's.
  [[nodiscard]] std::string type_name() const;
  [[nodiscard]] const JinjaUndefined* as_undefined() const noexcept {
    return std::get_if<JinjaUndefined>(&value_);
  }

 private:
  explicit JinjaValue(Variant value) : value_(std::move(value)) {}

  Variant value_;
};

// a == b.
bool jinja_equal(const JinjaValue& a, const JinjaValue& b, JinjaBudget& budget);
// str(value), what {{ value }} prints.
std::string jinja_text(const JinjaValue& value, JinjaBudget& budget);
// repr() of a float: the shortest digits that give the same double.
std::string python_number(double value);

}  // namespace vlm
