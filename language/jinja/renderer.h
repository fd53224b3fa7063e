#pragma once

// Runs a parsed template.

#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "language/jinja/budget.h"
#include "language/jinja/call.h"
#include "language/jinja/syntax.h"
#include "language/jinja/value.h"

namespace vlm {

using JinjaVariables = std::map<std::string, JinjaValue, std::less<>>;

class JinjaRenderer {
 public:
  // `budget` must outlive the renderer.
  JinjaRenderer(JinjaVariables globals, JinjaBudget& budget);

  // The text of a template, whose body must outlive the renderer. To be called once.
  // Throws Error{kInvalidArgument, kUnsupported}.
  std::string render(const JinjaBody& body);

 private:
  enum class Flow : std::uint8_t { kNext, kBreak, kContinue };
  struct Scope {
    JinjaVariables variables;
    const Scope* parent = nullptr;
  };
  // Statements, expressions and macros inside of one another.
  static constexpr std::size_t kDeepest = 300;
  // A scope inside of the current one, for as long as it lives.
  class InnerScope;

  Flow run(const JinjaBody& body, std::string& out);
  Flow run(const JinjaStatement& statement, std::string& out);
  Flow run_if(const JinjaIf& statement, std::string& out);
  Flow run_for(const JinjaFor& loop, std::string& out);
  Flow run_set(const JinjaSet& statement, std::size_t line);
  void append(std::string& out, const std::string& text);
  [[nodiscard]] std::vector<JinjaValue> loop_items(const JinjaFor& loop, std::size_t line);
  void assign(const std::vector<std::string>& names, const JinjaValue& value, std::size_t line);

  JinjaValue evaluate(const JinjaExpression& expression);
  [[nodiscard]] JinjaValue evaluate_name(const JinjaExpression& expression) const;
  // Operators, filters and tests.
  JinjaValue evaluate_operator(const JinjaExpression& expression);
  JinjaValue evaluate_dict(const JinjaExpression& expression);
  JinjaValue evaluate_slice(const JinjaExpression& expression);
  JinjaValue evaluate_attribute(const JinjaExpression& expression);
  JinjaValue evaluate_comparison(const JinjaExpression& expression);
  JinjaValue evaluate_conditional(const JinjaExpression& expression);
  JinjaValue evaluate_call(const JinjaExpression& expression);
  JinjaValue call_method(const JinjaExpression& expression);
  JinjaValue call_macro(const JinjaMacro& macro, const JinjaCall& call);
  JinjaValue call_function(const std::string& name, const JinjaExpression& expression);
  JinjaValue make_namespace(const JinjaCall& call);
  std::vector<JinjaValue> evaluate_all(const JinjaExpression& expression, std::size_t first);
  // The arguments of a call, filter or test; `name` is for messages.
  JinjaCall call_of(const JinjaExpression& expression, std::string name);
  [[nodiscard]] const JinjaValue* find_variable(std::string_view name) const;

  JinjaBudget* budget_;
  Scope globals_;
  Scope* scope_ = nullptr;
  std::deque<JinjaNamespace> namespaces_;
  std::size_t depth_ = 0;
};

}  // namespace vlm
