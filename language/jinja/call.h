#pragma once

// A call in a template: of a filter, a test, a method or a function.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "language/jinja/budget.h"
#include "language/jinja/value.h"

namespace vlm {

// Evaluated arguments. Getters throw Error{kInvalidArgument, kUnsupported} naming call and line.
struct JinjaCall {
  std::string name;  // as in messages: "filter join"
  std::size_t line = 0;
  JinjaBudget* budget = nullptr;
  std::vector<JinjaValue> arguments = {};
  std::vector<std::pair<std::string, JinjaValue>> keywords = {};

  // Refuses more arguments than `parameters`, and keywords that are none of them.
  void check_parameters(std::initializer_list<std::string_view> parameters) const;
  // The argument at a place or with a name; null if it is not given.
  [[nodiscard]] const JinjaValue* find(std::size_t place, std::string_view keyword) const;
  [[nodiscard]] const JinjaValue& at(std::size_t place, std::string_view keyword) const;
  [[nodiscard]] const std::string& text(std::size_t place, std::string_view keyword) const;
  [[nodiscard]] std::string text_or(std::size_t place, std::string_view keyword,
                                    const std::string& fallback) const;
  [[nodiscard]] std::int64_t integer_or(std::size_t place, std::string_view keyword,
                                        std::int64_t fallback) const;
  [[nodiscard]] bool boolean_or(std::size_t place, std::string_view keyword, bool fallback) const;

  // "a str is needed: a list".
  [[noreturn]] void wrong_type(const std::string& wanted, const JinjaValue& seen) const;
};

// The items of a loop, of list() and the like: of lists, keys of a dict, letters of a text, nothing
// of undefined.
std::vector<JinjaValue> jinja_items(const JinjaValue& value, const JinjaCall& call);

}  // namespace vlm
