#pragma once

// What a tokenizer.json looks for in a text: a fixed string or a regular expression.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/json_fields.h"

namespace vlm {

// A range of bytes of a text.
struct TextSpan {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool is_match = false;
};

// Immutable: all functions may be called from several threads at once.
class TextPattern {
 public:
  static TextPattern literal(std::string text);
  // An expression in the syntax that ICU and Oniguruma share; `where` is for messages.
  // Throws Error{kCorruptFile} for a broken one, Error{kUnsupported} for one that they read
  // differently.
  static TextPattern regex(const std::string& expression, const std::string& where);

  // The matches and what is between them, in order; together they are the whole text.
  // REQUIRES: valid UTF-8. Throws Error{kUnsupported} if an expression needs too much time.
  [[nodiscard]] std::vector<TextSpan> split(std::string_view text) const;
  // `text` with every match replaced.
  [[nodiscard]] std::string replace(std::string_view text, std::string_view replacement) const;

 private:
  struct Expression;  // the compiled expression

  [[nodiscard]] std::vector<TextSpan> split_at_literal(std::string_view text) const;
  [[nodiscard]] std::vector<TextSpan> split_at_expression(std::string_view text) const;

  std::string literal_;
  std::shared_ptr<const Expression> expression_;  // null: a literal
};

// Reads {"String": ...} or {"Regex": ...} under the key "pattern".
TextPattern parse_text_pattern(const JsonFields& fields);

}  // namespace vlm
