// The expressions of JinjaRenderer; renderer.cc has its statements.

#include <utility>

#include "core/check.h"
#include "language/jinja/filters.h"
#include "language/jinja/functions.h"
#include "language/jinja/methods.h"
#include "language/jinja/nesting.h"
#include "language/jinja/operators.h"
#include "language/jinja/problem.h"
#include "language/jinja/renderer.h"
#include "language/jinja/value_tests.h"

namespace vlm {

namespace {

using Kind = JinjaExpressionKind;

}  // namespace

std::vector<JinjaValue> JinjaRenderer::evaluate_all(const JinjaExpression& expression,
                                                    std::size_t first) {
  std::vector<JinjaValue> values;
  for (std::size_t i = first; i < expression.operands.size(); ++i) {
    budget_->spend(kJinjaItemCost);
    values.push_back(evaluate(*expression.operands[i]));
  }
  return values;
}

JinjaCall JinjaRenderer::call_of(const JinjaExpression& expression, std::string name) {
  JinjaCall call{std::move(name), expression.line, budget_, evaluate_all(expression, 1), {}};
  for (const auto& [keyword, value] : expression.keywords) {
    call.keywords.emplace_back(keyword, evaluate(*value));
  }
  return call;
}

JinjaValue JinjaRenderer::evaluate(const JinjaExpression& expression) {
  const JinjaNesting level(depth_, kDeepest, expression.line);
  budget_->enter_line(expression.line);
  budget_->spend(1);
  switch (expression.kind) {
    case Kind::kLiteral:
      return expression.literal;
    case Kind::kName:
      return evaluate_name(expression);
    case Kind::kList:
      return JinjaValue::list(evaluate_all(expression, 0));
    case Kind::kTuple:
      return JinjaValue::tuple(evaluate_all(expression, 0));
    case Kind::kDict:
      return evaluate_dict(expression);
    case Kind::kAttribute:
      return evaluate_attribute(expression);
    case Kind::kSlice:
      return evaluate_slice(expression);
    case Kind::kCall:
      return evaluate_call(expression);
    case Kind::kComparison:
      return evaluate_comparison(expression);
    case Kind::kConditional:
      return evaluate_conditional(expression);
    default:
      return evaluate_operator(expression);
  }
}

JinjaValue JinjaRenderer::evaluate_operator(const JinjaExpression& expression) {
  const auto operand = [&](std::size_t i) { return evaluate(*expression.operands[i]); };
  const JinjaCall plain{"operator " + expression.name, expression.line, budget_, {}, {}};
  switch (expression.kind) {
    case Kind::kSubscript: {
      const JinjaValue object = operand(0);
      return jinja_subscript(plain, object, operand(1));
    }
    case Kind::kFilter: {
      const JinjaValue value = operand(0);
      return jinja_filter(expression.name, value, call_of(expression, "filter " + expression.name));
    }
    case Kind::kTest: {
      const JinjaValue value = operand(0);
      return JinjaValue::boolean(
          jinja_test(expression.name, value, call_of(expression, "test " + expression.name)));
    }
    case Kind::kNot:
      return JinjaValue::boolean(!operand(0).is_true());
    case Kind::kNegative:
      return jinja_negative(plain, operand(0));
    case Kind::kPositive:
      return jinja_negative(plain, jinja_negative(plain, operand(0)));
    case Kind::kBinary: {
      const JinjaValue left = operand(0);
      return jinja_binary(plain, expression.name, left, operand(1));
    }
    case Kind::kAnd: {
      JinjaValue left = operand(0);
      return left.is_true() ? operand(1) : left;
    }
    case Kind::kOr: {
      JinjaValue left = operand(0);
      return left.is_true() ? left : operand(1);
    }
    default:
      check(false, "JinjaRenderer::evaluate: a kind that is not known");
      return {};
  }
}

JinjaValue JinjaRenderer::evaluate_name(const JinjaExpression& expression) const {
  const JinjaValue* found = find_variable(expression.name);
  if (found != nullptr) return *found;
  if (is_jinja_function(expression.name)) return JinjaValue::function(expression.name);
  return JinjaValue::undefined(expression.name);
}

JinjaValue JinjaRenderer::evaluate_dict(const JinjaExpression& expression) {
  const std::vector<JinjaValue> parts = evaluate_all(expression, 0);
  JinjaDict dict;
  for (std::size_t i = 0; i + 1 < parts.size(); i += 2) {
    const std::string* key = parts[i].as_text();
    if (key == nullptr) {
      jinja_unsupported(expression.line, "a key that is no str: " + parts[i].type_name());
    }
    dict.set(*key, parts[i + 1]);
  }
  return JinjaValue::dict(std::move(dict));
}

JinjaValue JinjaRenderer::evaluate_attribute(const JinjaExpression& expression) {
  const JinjaValue object = evaluate(*expression.operands[0]);
  const JinjaCall call{"attribute", expression.line, budget_, {}, {}};
  const JinjaDict* dict = object.as_dict();
  if (dict != nullptr && !dict->is_loop && is_dict_method(expression.name)) {
    jinja_unsupported(expression.line, "method " + expression.name + " without a call");
  }
  JinjaValue found = jinja_attribute(call, object, expression.name);
  if (dict != nullptr && dict->is_loop && found.is_undefined() && expression.name != "previtem" &&
      expression.name != "nextitem") {
    jinja_unsupported(expression.line, "loop." + expression.name);
  }
  return found;
}

JinjaValue JinjaRenderer::evaluate_slice(const JinjaExpression& expression) {
  std::vector<JinjaValue> ends;
  for (std::size_t i = 1; i < 4; ++i) {
    const JinjaExpressionPtr& end = expression.operands[i];
    ends.push_back(end == nullptr ? JinjaValue::none() : evaluate(*end));
  }
  const JinjaCall call{"slice", expression.line, budget_, {}, {}};
  return jinja_slice(call, evaluate(*expression.operands[0]), &ends[0], &ends[1], &ends[2]);
}

JinjaValue JinjaRenderer::evaluate_comparison(const JinjaExpression& expression) {
  JinjaValue left = evaluate(*expression.operands[0]);
  for (std::size_t i = 0; i < expression.comparisons.size(); ++i) {
    const std::string& name = expression.comparisons[i];
    const JinjaCall call{"comparison " + name, expression.line, budget_, {}, {}};
    JinjaValue right = evaluate(*expression.operands[i + 1]);
    if (!jinja_compare(call, name, left, right)) return JinjaValue::boolean(false);
    left = std::move(right);
  }
  return JinjaValue::boolean(true);
}

JinjaValue JinjaRenderer::evaluate_conditional(const JinjaExpression& expression) {
  if (evaluate(*expression.operands[1]).is_true()) return evaluate(*expression.operands[0]);
  const JinjaExpressionPtr& otherwise = expression.operands[2];
  if (otherwise != nullptr) return evaluate(*otherwise);
  return JinjaValue::undefined("the value of an `if` without `else`");
}

JinjaValue JinjaRenderer::evaluate_call(const JinjaExpression& expression) {
  const JinjaExpression& callee = *expression.operands[0];
  if (callee.kind == Kind::kAttribute) return call_method(expression);
  if (callee.kind != Kind::kName) {
    jinja_unsupported(expression.line, "a call of something without a name");
  }
  const JinjaValue* found = find_variable(callee.name);
  if (found == nullptr) return call_function(callee.name, expression);
  if (const JinjaFunction* function = found->as_function()) {
    return call_function(std::string(function->name), expression);
  }
  const JinjaMacro* macro = found->as_macro();
  if (macro == nullptr) {
    jinja_fail(expression.line, "not a function: " + callee.name + ": " + found->type_name());
  }
  return call_macro(*macro, call_of(expression, callee.name));
}

JinjaValue JinjaRenderer::call_function(const std::string& name,
                                        const JinjaExpression& expression) {
  const JinjaCall call = call_of(expression, name);
  return name == "namespace" ? make_namespace(call) : jinja_function(name, call);
}

JinjaValue JinjaRenderer::call_method(const JinjaExpression& expression) {
  const JinjaExpression& callee = *expression.operands[0];
  const JinjaValue object = evaluate(*callee.operands[0]);
  const JinjaCall call = call_of(expression, "method " + callee.name);
  const JinjaDict* dict = object.as_dict();
  if (dict == nullptr || !dict->is_loop) return jinja_method(callee.name, object, call);
  if (callee.name != "cycle") jinja_unsupported(expression.line, "loop." + callee.name + "()");
  if (call.arguments.empty()) jinja_fail(expression.line, "loop.cycle() needs arguments");
  const auto index = static_cast<std::size_t>(dict->find("index0")->to_integer());
  return call.arguments[index % call.arguments.size()];
}

JinjaValue JinjaRenderer::make_namespace(const JinjaCall& call) {
  if (!call.arguments.empty()) jinja_unsupported(call.line, "namespace() of a dict");
  JinjaNamespace& fields = namespaces_.emplace_back();
  for (const auto& [keyword, value] : call.keywords) {
    budget_->spend(kJinjaItemCost);
    fields.fields.insert_or_assign(keyword, value);
  }
  return JinjaValue::name_space(&fields);
}

}  // namespace vlm
