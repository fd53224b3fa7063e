#pragma once

// The tokens of a template, read from front to back by its parsers.

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "language/jinja/code_points.h"
#include "language/jinja/lexer.h"
#include "language/jinja/problem.h"

namespace vlm {

class JinjaTokenReader {
 public:
  // REQUIRES: the last token is kEnd.
  explicit JinjaTokenReader(std::vector<JinjaToken> tokens) : tokens_(std::move(tokens)) {}

  [[nodiscard]] const JinjaToken& peek(std::size_t ahead = 0) const {
    return tokens_[std::min(next_ + ahead, tokens_.size() - 1)];
  }
  [[nodiscard]] std::size_t line() const { return peek().line; }
  const JinjaToken& take() {
    const JinjaToken& token = peek();
    if (next_ + 1 < tokens_.size()) ++next_;
    return token;
  }

  bool skip_operator(std::string_view name) {
    if (!peek().is_operator(name)) return false;
    take();
    return true;
  }
  bool skip_name(std::string_view name) {
    if (!peek().is_name(name)) return false;
    take();
    return true;
  }

  // The next token, which must be of the kind. Throw Error{kInvalidArgument} otherwise.
  std::string expect(JinjaTokenKind kind, const std::string& wanted) {
    if (peek().kind != kind) unexpected(wanted);
    return take().text;
  }
  void expect_operator(std::string_view name) {
    if (!skip_operator(name)) unexpected("'" + std::string(name) + "'");
  }

  [[noreturn]] void unexpected(const std::string& wanted) const {
    const bool has_text = peek().kind == JinjaTokenKind::kName ||
                          peek().kind == JinjaTokenKind::kOperator ||
                          peek().kind == JinjaTokenKind::kString;
    jinja_fail(line(), "expected " + wanted + ": " +
                           (has_text ? python_repr(peek().text) : std::string("end of the tag")));
  }

 private:
  std::vector<JinjaToken> tokens_;
  std::size_t next_ = 0;
};

}  // namespace vlm
