#pragma once

// Expressions of a template, with the precedence of Jinja's parser.

#include "language/jinja/syntax.h"
#include "language/jinja/token_reader.h"

namespace vlm {

class JinjaExpressionParser {
 public:
  // `tokens` must outlive the parser.
  explicit JinjaExpressionParser(JinjaTokenReader& tokens) : tokens_(&tokens) {}

  // An expression; with commas, a tuple. Throw Error{kInvalidArgument, kUnsupported}.
  JinjaExpressionPtr parse_tuple();
  // An expression with `a if b else c`, without commas.
  JinjaExpressionPtr parse();
  // The same without `if`: the items of a loop.
  JinjaExpressionPtr parse_or();

 private:
  JinjaExpressionPtr parse_and();
  JinjaExpressionPtr parse_not();
  JinjaExpressionPtr parse_comparison();
  JinjaExpressionPtr parse_sum();
  JinjaExpressionPtr parse_concatenation();
  JinjaExpressionPtr parse_product();
  JinjaExpressionPtr parse_power();
  JinjaExpressionPtr parse_unary();
  JinjaExpressionPtr parse_unfiltered();
  JinjaExpressionPtr parse_primary();
  JinjaExpressionPtr parse_literal();
  JinjaExpressionPtr parse_name();
  JinjaExpressionPtr parse_list();
  JinjaExpressionPtr parse_dict();
  JinjaExpressionPtr parse_postfix(JinjaExpressionPtr value);
  JinjaExpressionPtr parse_attribute(JinjaExpressionPtr value);
  JinjaExpressionPtr parse_subscript(JinjaExpressionPtr value);
  JinjaExpressionPtr parse_filters_and_tests(JinjaExpressionPtr value);
  JinjaExpressionPtr parse_filter(JinjaExpressionPtr value);
  JinjaExpressionPtr parse_test(JinjaExpressionPtr value);
  // Arguments in parentheses, appended to the operands and keywords of `call`.
  void parse_arguments(JinjaExpression& call);

  JinjaTokenReader* tokens_;
  std::size_t nesting_ = 0;  // of parse_unary() and what calls itself through it
};

}  // namespace vlm
