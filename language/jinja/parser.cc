#include "language/jinja/parser.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>

#include "language/jinja/expression_parser.h"
#include "language/jinja/lexer.h"
#include "language/jinja/token_reader.h"

namespace vlm {
namespace {

constexpr std::size_t kDeepestBlock = 50;

using TokenKind = JinjaTokenKind;
using EndNames = std::initializer_list<std::string_view>;

class Parser {
 public:
  explicit Parser(std::string_view source)
      : tokens_(tokenize_template(source)), expressions_(tokens_) {}

  JinjaBody parse() {
    JinjaBody body = parse_body({});
    if (tokens_.peek().kind != TokenKind::kEnd) {
      jinja_fail(tokens_.line(), "a tag that nothing opened: " + tokens_.peek(1).text);
    }
    return body;
  }

 private:
  // Statements up to {% one of ends, whose block begin stays to be read, or the end of all.
  JinjaBody parse_body(EndNames ends) {
    JinjaBody body;
    while (tokens_.peek().kind != TokenKind::kEnd) {
      const bool is_block = tokens_.peek().kind == TokenKind::kBlockBegin;
      if (is_block && (is_end(ends) || is_known_end())) break;
      body.push_back(parse_statement());
    }
    return body;
  }

  [[nodiscard]] bool is_end(EndNames ends) const {
    return std::ranges::any_of(
        ends, [this](std::string_view name) { return tokens_.peek(1).is_name(name); });
  }

  // An end that belongs to another block than the one that is open.
  [[nodiscard]] bool is_known_end() const {
    return is_end({"endif", "endfor", "endset", "endmacro", "endgeneration", "else", "elif"});
  }

  // The body of a block, and the end's name, whose tag is read up to behind the name.
  std::pair<JinjaBody, std::string> parse_block(EndNames ends, std::size_t line) {
    if (++nesting_ > kDeepestBlock) jinja_fail(line, "blocks are nested too deep");
    JinjaBody body = parse_body(ends);
    --nesting_;
    if (!is_end(ends)) {
      jinja_fail(line, "a block has no end: expected " + std::string(*(ends.end() - 1)));
    }
    tokens_.take();
    return {std::move(body), tokens_.take().text};
  }

  void expect_block_end() { tokens_.expect(TokenKind::kBlockEnd, "the end of the tag"); }

  JinjaStatement parse_statement() {
    const std::size_t line = tokens_.line();
    if (tokens_.peek().kind == TokenKind::kData) return {line, JinjaText{tokens_.take().text}};
    if (tokens_.peek().kind == TokenKind::kVariableBegin) {
      tokens_.take();
      JinjaPrint print{expressions_.parse_tuple()};
      tokens_.expect(TokenKind::kVariableEnd, "'}}'");
      return {line, std::move(print)};
    }
    tokens_.take();
    return parse_tag(line);
  }

  JinjaStatement parse_tag(std::size_t line) {
    const std::string name = tokens_.expect(TokenKind::kName, "the name of a tag");
    if (name == "if") return {line, parse_if(line)};
    if (name == "for") return {line, parse_for(line)};
    if (name == "set") return {line, parse_set(line)};
    if (name == "macro") return {line, parse_macro(line)};
    if (name == "break" || name == "continue") {
      if (loops_ == 0) jinja_fail(line, name + " outside of a loop");
      expect_block_end();
      return {line, name == "break" ? JinjaJump::kBreak : JinjaJump::kContinue};
    }
    if (name == "generation") {
      expect_block_end();
      JinjaBody body = parse_block({"endgeneration"}, line).first;
      expect_block_end();
      return {line, std::move(body)};
    }
    constexpr std::array<std::string_view, 12> kOther{"block", "extends", "include",    "import",
                                                      "from",  "with",    "call",       "filter",
                                                      "do",    "trans",   "autoescape", "debug"};
    if (std::ranges::find(kOther, name) != kOther.end()) {
      jinja_unsupported(line, "{% " + name + " %}");
    }
    jinja_fail(line, "unknown tag: {% " + name + " %}");
  }

  JinjaIf parse_if(std::size_t line) {
    JinjaIf statement;
    std::string end = "if";
    while (end == "if" || end == "elif") {
      JinjaExpressionPtr condition = expressions_.parse_tuple();
      expect_block_end();
      auto [body, next] = parse_block({"elif", "else", "endif"}, line);
      statement.branches.push_back({std::move(condition), std::move(body)});
      end = next;
    }
    if (end == "else") {
      expect_block_end();
      statement.otherwise = parse_block({"endif"}, line).first;
    }
    expect_block_end();
    return statement;
  }

  // name, name, ... up to what is no comma.
  std::vector<std::string> parse_names() {
    std::vector<std::string> names;
    const bool is_bracketed = tokens_.skip_operator("(");
    do {
      names.push_back(tokens_.expect(TokenKind::kName, "a name"));
    } while (tokens_.skip_operator(","));
    if (is_bracketed) tokens_.expect_operator(")");
    return names;
  }

  JinjaFor parse_for(std::size_t line) {
    JinjaFor loop;
    loop.names = parse_names();
    if (std::ranges::find(loop.names, "loop") != loop.names.end()) {
      jinja_fail(line, "a loop over a variable named loop");
    }
    if (!tokens_.skip_name("in")) tokens_.unexpected("'in'");
    loop.items = expressions_.parse_or();
    if (tokens_.skip_name("if")) loop.condition = expressions_.parse();
    if (tokens_.peek().is_name("recursive")) jinja_unsupported(line, "{% for ... recursive %}");
    expect_block_end();
    ++loops_;
    auto [body, end] = parse_block({"else", "endfor"}, line);
    --loops_;
    loop.body = std::move(body);
    if (end == "else") {
      expect_block_end();
      loop.otherwise = parse_block({"endfor"}, line).first;
    }
    expect_block_end();
    return loop;
  }

  JinjaSet parse_set(std::size_t line) {
    JinjaSet statement;
    statement.names = parse_names();
    if (statement.names.size() == 1 && tokens_.skip_operator(".")) {
      statement.field = tokens_.expect(TokenKind::kName, "a name");
      if (statement.field.starts_with('_')) {
        jinja_fail(line, "a field of a namespace may not start with _: " + statement.field);
      }
    }
    if (tokens_.skip_operator("=")) {
      statement.value = expressions_.parse_tuple();
    } else if (tokens_.peek().is_operator("|")) {
      jinja_unsupported(line, "{% set NAME | FILTER %}");
    } else if (statement.names.size() > 1) {
      tokens_.unexpected("'='");
    } else {
      expect_block_end();
      statement.body = parse_block({"endset"}, line).first;
    }
    expect_block_end();
    return statement;
  }

  JinjaMacro parse_macro(std::size_t line) {
    if (loops_ > 0 || in_macro_) jinja_unsupported(line, "{% macro %} in a loop or a macro");
    JinjaMacro macro;
    macro.name = tokens_.expect(TokenKind::kName, "a name");
    tokens_.expect_operator("(");
    while (!tokens_.skip_operator(")")) {
      if (!macro.parameters.empty()) tokens_.expect_operator(",");
      macro.parameters.push_back(tokens_.expect(TokenKind::kName, "a name"));
      if (tokens_.skip_operator("=")) {
        macro.defaults.push_back(expressions_.parse());
      } else if (!macro.defaults.empty()) {
        tokens_.unexpected("a default value");
      }
    }
    expect_block_end();
    in_macro_ = true;
    macro.body = parse_block({"endmacro"}, line).first;
    in_macro_ = false;
    expect_block_end();
    return macro;
  }

  JinjaTokenReader tokens_;
  JinjaExpressionParser expressions_;
  std::size_t nesting_ = 0;
  std::size_t loops_ = 0;  // that are open
  bool in_macro_ = false;
};

}  // namespace

JinjaBody parse_template(std::string_view source) {
  return Parser(source).parse();
}

}  // namespace vlm
