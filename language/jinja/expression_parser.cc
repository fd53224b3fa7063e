#include "language/jinja/expression_parser.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "language/jinja/nesting.h"

namespace vlm {
namespace {

// Far more than templates have; keeps every recursion over expressions short.
constexpr std::size_t kDeepest = 100;

using Kind = JinjaExpressionKind;

JinjaExpressionPtr make(Kind kind, std::size_t line, std::string name = {}) {
  auto expression = std::make_unique<JinjaExpression>();
  expression->kind = kind;
  expression->line = line;
  expression->name = std::move(name);
  return expression;
}

// `operand` may be null, where an operand is optional.
void adopt_depth(JinjaExpression& parent, const JinjaExpressionPtr& operand) {
  if (operand == nullptr) return;
  parent.depth = std::max(parent.depth, operand->depth + 1);
  if (parent.depth > kDeepest) jinja_fail(parent.line, "nested too deep");
}

void add_operand(JinjaExpression& parent, JinjaExpressionPtr operand) {
  adopt_depth(parent, operand);
  parent.operands.push_back(std::move(operand));
}

JinjaExpressionPtr make_binary(Kind kind, std::size_t line, std::string name,
                               JinjaExpressionPtr left, JinjaExpressionPtr right) {
  JinjaExpressionPtr expression = make(kind, line, std::move(name));
  add_operand(*expression, std::move(left));
  add_operand(*expression, std::move(right));
  return expression;
}

template <typename Number>
Number parse_number(const JinjaToken& token) {
  Number value{};
  const char* end = token.text.data() + token.text.size();
  const auto [stop, error] = std::from_chars(token.text.data(), end, value);
  if (error != std::errc() || stop != end) jinja_fail(token.line, "not a number: " + token.text);
  return value;
}

}  // namespace

JinjaExpressionPtr JinjaExpressionParser::parse_tuple() {
  const std::size_t line = tokens_->line();
  JinjaExpressionPtr first = parse();
  if (!tokens_->peek().is_operator(",")) return first;
  JinjaExpressionPtr tuple = make(Kind::kTuple, line);
  add_operand(*tuple, std::move(first));
  while (tokens_->skip_operator(",")) {
    const JinjaToken& next = tokens_->peek();
    const bool ends = next.is_operator(")") || next.kind == JinjaTokenKind::kBlockEnd ||
                      next.kind == JinjaTokenKind::kVariableEnd || next.is_operator("=");
    if (ends) break;
    add_operand(*tuple, parse());
  }
  return tuple;
}

JinjaExpressionPtr JinjaExpressionParser::parse() {
  const JinjaNesting nesting(nesting_, kDeepest, tokens_->line());
  JinjaExpressionPtr value = parse_or();
  while (tokens_->peek().is_name("if")) {
    JinjaExpressionPtr conditional = make(Kind::kConditional, tokens_->take().line);
    add_operand(*conditional, std::move(value));
    add_operand(*conditional, parse_or());
    add_operand(*conditional, tokens_->skip_name("else") ? parse() : nullptr);
    value = std::move(conditional);
  }
  return value;
}

JinjaExpressionPtr JinjaExpressionParser::parse_or() {
  JinjaExpressionPtr left = parse_and();
  while (tokens_->peek().is_name("or")) {
    const std::size_t line = tokens_->take().line;
    left = make_binary(Kind::kOr, line, "or", std::move(left), parse_and());
  }
  return left;
}

JinjaExpressionPtr JinjaExpressionParser::parse_and() {
  JinjaExpressionPtr left = parse_not();
  while (tokens_->peek().is_name("and")) {
    const std::size_t line = tokens_->take().line;
    left = make_binary(Kind::kAnd, line, "and", std::move(left), parse_not());
  }
  return left;
}

JinjaExpressionPtr JinjaExpressionParser::parse_not() {
  if (!tokens_->peek().is_name("not")) return parse_comparison();
  const JinjaNesting nesting(nesting_, kDeepest, tokens_->line());
  JinjaExpressionPtr expression = make(Kind::kNot, tokens_->take().line);
  add_operand(*expression, parse_not());
  return expression;
}

JinjaExpressionPtr JinjaExpressionParser::parse_comparison() {
  constexpr std::array<std::string_view, 6> kOperators{"==", "!=", "<", "<=", ">", ">="};
  const auto next_operator = [&]() -> std::string {
    for (const std::string_view name : kOperators) {
      if (tokens_->skip_operator(name)) return std::string(name);
    }
    if (tokens_->skip_name("in")) return "in";
    if (!tokens_->peek().is_name("not") || !tokens_->peek(1).is_name("in")) return "";
    tokens_->take();
    tokens_->take();
    return "not in";
  };
  const std::size_t line = tokens_->line();
  JinjaExpressionPtr left = parse_sum();
  std::string name = next_operator();
  if (name.empty()) return left;
  JinjaExpressionPtr expression = make(Kind::kComparison, line);
  add_operand(*expression, std::move(left));
  for (; !name.empty(); name = next_operator()) {
    expression->comparisons.push_back(name);
    add_operand(*expression, parse_sum());
  }
  return expression;
}

JinjaExpressionPtr JinjaExpressionParser::parse_sum() {
  JinjaExpressionPtr left = parse_concatenation();
  while (tokens_->peek().is_operator("+") || tokens_->peek().is_operator("-")) {
    const JinjaToken token = tokens_->take();
    left =
        make_binary(Kind::kBinary, token.line, token.text, std::move(left), parse_concatenation());
  }
  return left;
}

JinjaExpressionPtr JinjaExpressionParser::parse_concatenation() {
  JinjaExpressionPtr left = parse_product();
  while (tokens_->peek().is_operator("~")) {
    const std::size_t line = tokens_->take().line;
    left = make_binary(Kind::kBinary, line, "~", std::move(left), parse_product());
  }
  return left;
}

JinjaExpressionPtr JinjaExpressionParser::parse_product() {
  const auto is_product = [&] {
    const JinjaToken& token = tokens_->peek();
    return token.is_operator("*") || token.is_operator("/") || token.is_operator("//") ||
           token.is_operator("%");
  };
  JinjaExpressionPtr left = parse_power();
  while (is_product()) {
    const JinjaToken token = tokens_->take();
    left = make_binary(Kind::kBinary, token.line, token.text, std::move(left), parse_power());
  }
  return left;
}

JinjaExpressionPtr JinjaExpressionParser::parse_power() {
  JinjaExpressionPtr left = parse_unary();
  if (tokens_->peek().is_operator("**")) jinja_unsupported(tokens_->line(), "operator **");
  return left;
}

JinjaExpressionPtr JinjaExpressionParser::parse_unary() {
  return parse_filters_and_tests(parse_unfiltered());
}

JinjaExpressionPtr JinjaExpressionParser::parse_unfiltered() {
  const JinjaNesting nesting(nesting_, kDeepest, tokens_->line());
  const std::size_t line = tokens_->line();
  const bool is_negative = tokens_->skip_operator("-");
  if (!is_negative && !tokens_->skip_operator("+")) return parse_postfix(parse_primary());
  JinjaExpressionPtr sign = make(is_negative ? Kind::kNegative : Kind::kPositive, line);
  add_operand(*sign, parse_unfiltered());
  return parse_postfix(std::move(sign));
}

JinjaExpressionPtr JinjaExpressionParser::parse_primary() {
  const JinjaToken& token = tokens_->peek();
  if (token.is_operator("[")) return parse_list();
  if (token.is_operator("{")) return parse_dict();
  if (token.is_operator("(")) {
    const std::size_t line = tokens_->take().line;
    if (tokens_->skip_operator(")")) return make(Kind::kTuple, line);
    JinjaExpressionPtr inner = parse_tuple();
    tokens_->expect_operator(")");
    return inner;
  }
  return token.kind == JinjaTokenKind::kName ? parse_name() : parse_literal();
}

JinjaExpressionPtr JinjaExpressionParser::parse_literal() {
  const JinjaToken token = tokens_->peek();
  JinjaExpressionPtr literal = make(Kind::kLiteral, token.line);
  switch (token.kind) {
    case JinjaTokenKind::kInteger:
      literal->literal = JinjaValue::integer(parse_number<std::int64_t>(tokens_->take()));
      return literal;
    case JinjaTokenKind::kFloat:
      literal->literal = JinjaValue::number(parse_number<double>(tokens_->take()));
      return literal;
    case JinjaTokenKind::kString: {
      std::string text;
      while (tokens_->peek().kind == JinjaTokenKind::kString) text += tokens_->take().text;
      literal->literal = JinjaValue::text(std::move(text));
      return literal;
    }
    default:
      tokens_->unexpected("a value");
  }
}

JinjaExpressionPtr JinjaExpressionParser::parse_name() {
  const JinjaToken token = tokens_->take();
  JinjaExpressionPtr literal = make(Kind::kLiteral, token.line);
  if (token.text == "true" || token.text == "True") {
    literal->literal = JinjaValue::boolean(true);
  } else if (token.text == "false" || token.text == "False") {
    literal->literal = JinjaValue::boolean(false);
  } else if (token.text == "none" || token.text == "None") {
    literal->literal = JinjaValue::none();
  } else {
    return make(Kind::kName, token.line, token.text);
  }
  return literal;
}

JinjaExpressionPtr JinjaExpressionParser::parse_list() {
  JinjaExpressionPtr list = make(Kind::kList, tokens_->take().line);
  while (!tokens_->skip_operator("]")) {
    if (!list->operands.empty()) tokens_->expect_operator(",");
    if (tokens_->skip_operator("]")) break;
    add_operand(*list, parse());
  }
  return list;
}

JinjaExpressionPtr JinjaExpressionParser::parse_dict() {
  JinjaExpressionPtr dict = make(Kind::kDict, tokens_->take().line);
  while (!tokens_->skip_operator("}")) {
    if (!dict->operands.empty()) tokens_->expect_operator(",");
    if (tokens_->skip_operator("}")) break;
    add_operand(*dict, parse());
    tokens_->expect_operator(":");
    add_operand(*dict, parse());
  }
  return dict;
}

JinjaExpressionPtr JinjaExpressionParser::parse_postfix(JinjaExpressionPtr value) {
  while (true) {
    if (tokens_->peek().is_operator(".")) {
      value = parse_attribute(std::move(value));
    } else if (tokens_->peek().is_operator("[")) {
      value = parse_subscript(std::move(value));
    } else if (tokens_->peek().is_operator("(")) {
      JinjaExpressionPtr call = make(Kind::kCall, tokens_->line());
      add_operand(*call, std::move(value));
      parse_arguments(*call);
      value = std::move(call);
    } else {
      return value;
    }
  }
}

JinjaExpressionPtr JinjaExpressionParser::parse_attribute(JinjaExpressionPtr value) {
  const std::size_t line = tokens_->take().line;
  if (tokens_->peek().kind == JinjaTokenKind::kInteger) {
    JinjaExpressionPtr index = parse_literal();
    return make_binary(Kind::kSubscript, line, "", std::move(value), std::move(index));
  }
  JinjaExpressionPtr attribute =
      make(Kind::kAttribute, line, tokens_->expect(JinjaTokenKind::kName, "a name"));
  add_operand(*attribute, std::move(value));
  return attribute;
}

JinjaExpressionPtr JinjaExpressionParser::parse_subscript(JinjaExpressionPtr value) {
  const std::size_t line = tokens_->take().line;
  std::vector<JinjaExpressionPtr> parts(1);
  while (!tokens_->peek().is_operator("]")) {
    if (tokens_->skip_operator(":")) {
      parts.emplace_back();
    } else if (parts.back() == nullptr) {
      parts.back() = parse();
    } else {
      tokens_->unexpected("']'");
    }
  }
  tokens_->take();
  const bool is_slice = parts.size() > 1;
  if (parts.size() > 3 || (!is_slice && parts.front() == nullptr)) {
    jinja_fail(line, "expected an index or a slice: []");
  }
  if (is_slice) parts.resize(3);
  JinjaExpressionPtr subscript = make(is_slice ? Kind::kSlice : Kind::kSubscript, line);
  add_operand(*subscript, std::move(value));
  for (JinjaExpressionPtr& part : parts) add_operand(*subscript, std::move(part));
  return subscript;
}

JinjaExpressionPtr JinjaExpressionParser::parse_filters_and_tests(JinjaExpressionPtr value) {
  while (true) {
    if (tokens_->skip_operator("|")) {
      value = parse_filter(std::move(value));
    } else if (tokens_->skip_name("is")) {
      value = parse_test(std::move(value));
    } else {
      return value;
    }
  }
}

JinjaExpressionPtr JinjaExpressionParser::parse_filter(JinjaExpressionPtr value) {
  const std::size_t line = tokens_->line();
  JinjaExpressionPtr filter =
      make(Kind::kFilter, line, tokens_->expect(JinjaTokenKind::kName, "the name of a filter"));
  add_operand(*filter, std::move(value));
  if (tokens_->peek().is_operator("(")) parse_arguments(*filter);
  return filter;
}

// A test takes one argument without parentheses.
JinjaExpressionPtr JinjaExpressionParser::parse_test(JinjaExpressionPtr value) {
  const std::size_t line = tokens_->line();
  const bool is_negated = tokens_->skip_name("not");
  JinjaExpressionPtr test =
      make(Kind::kTest, line, tokens_->expect(JinjaTokenKind::kName, "the name of a test"));
  add_operand(*test, std::move(value));
  const JinjaToken& next = tokens_->peek();
  const bool is_word = next.kind == JinjaTokenKind::kName;
  const bool is_keyword = next.is_name("else") || next.is_name("or") || next.is_name("and") ||
                          next.is_name("is") || next.is_name("if") || next.is_name("in") ||
                          next.is_name("not");
  if (next.is_operator("(")) {
    parse_arguments(*test);
  } else if ((is_word && !is_keyword) || next.kind == JinjaTokenKind::kString ||
             next.kind == JinjaTokenKind::kInteger || next.kind == JinjaTokenKind::kFloat ||
             next.is_operator("[") || next.is_operator("{")) {
    const JinjaNesting nesting(nesting_, kDeepest, line);
    add_operand(*test, parse_postfix(parse_primary()));
  }
  if (!is_negated) return test;
  JinjaExpressionPtr negation = make(Kind::kNot, line);
  add_operand(*negation, std::move(test));
  return negation;
}

void JinjaExpressionParser::parse_arguments(JinjaExpression& call) {
  tokens_->expect_operator("(");
  bool is_first = true;
  while (!tokens_->skip_operator(")")) {
    if (!is_first) tokens_->expect_operator(",");
    if (tokens_->skip_operator(")")) break;
    is_first = false;
    if (tokens_->peek().is_operator("*") || tokens_->peek().is_operator("**")) {
      jinja_unsupported(tokens_->line(), "arguments with * or **");
    }
    if (tokens_->peek().kind == JinjaTokenKind::kName && tokens_->peek(1).is_operator("=")) {
      std::string name = tokens_->take().text;
      tokens_->take();
      JinjaExpressionPtr value = parse();
      adopt_depth(call, value);
      call.keywords.emplace_back(std::move(name), std::move(value));
    } else if (!call.keywords.empty()) {
      tokens_->unexpected("a named argument");
    } else {
      add_operand(call, parse());
    }
  }
}

}  // namespace vlm
