#include "language/jinja/lexer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "language/jinja/code_points.h"
#include "language/jinja/problem.h"
#include "language/jinja/string_literal.h"

namespace vlm {
namespace {

constexpr std::array<std::string_view, 25> kOperators{
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
    "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ","};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

// Line ends become \n, and one at the very end is dropped.
std::string normalize_newlines(std::string_view source) {
  std::string text;
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      text += source[i];
      continue;
    }
    text += '\n';
    if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
  }
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(normalize_newlines(source)) {}

  std::vector<JinjaToken> run() {
    while (position_ < source_.size()) {
      const std::size_t tag = find_tag();
      read_data(tag);
      if (tag < source_.size()) read_tag(source_[tag + 1]);
    }
    add(JinjaTokenKind::kEnd, "");
    return std::move(tokens_);
  }

 private:
  [[nodiscard]] std::string_view rest() const {
    return std::string_view(source_).substr(position_);
  }
  [[nodiscard]] bool at(std::string_view text) const { return rest().starts_with(text); }

  void add(JinjaTokenKind kind, std::string text) {
    tokens_.push_back({kind, std::move(text), line_});
  }

  void advance(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) line_ += source_[position_++] == '\n' ? 1 : 0;
  }

  // The next {%, {{ or {#.
  [[nodiscard]] std::size_t find_tag() const {
    for (std::size_t i = position_; i + 1 < source_.size(); ++i) {
      const char next = source_[i + 1];
      if (source_[i] == '{' && (next == '%' || next == '{' || next == '#')) return i;
    }
    return source_.size();
  }

  // Emits the text before the tag at `tag`, as the tag's sign and lstrip_blocks say.
  void read_data(std::size_t tag) {
    const std::string_view data = std::string_view(source_).substr(position_, tag - position_);
    const std::string_view shown = tag < source_.size() ? data_before_tag(data, tag) : data;
    if (!shown.empty()) add(JinjaTokenKind::kData, std::string(shown));
    advance(data.size());
  }

  [[nodiscard]] std::string_view data_before_tag(std::string_view data, std::size_t tag) const {
    const char sign = tag + 2 < source_.size() ? source_[tag + 2] : ' ';
    if (sign == '-') return python_strip(data, StripSide::kRight);
    if (sign == '+' || source_[tag + 1] == '{') return data;
    const std::size_t line_start = data.rfind('\n') + 1;  // 0 if there is none
    const bool is_line_start = line_start > 0 || position_ == 0 || source_[position_ - 1] == '\n';
    if (is_line_start && is_python_space(data.substr(line_start))) {
      return data.substr(0, line_start);
    }
    return data;
  }

  void read_tag(char kind) {
    if (kind == '#') return read_comment();
    if (kind == '%') refuse_raw();
    read_code(kind == '%');
  }

  void skip_sign() {
    if (position_ < source_.size() && (source_[position_] == '-' || source_[position_] == '+')) {
      advance(1);
    }
  }

  void skip_space() { advance(leading_space_size(rest())); }

  void read_comment() {
    const std::size_t start_line = line_;
    advance(2);
    skip_sign();
    const std::size_t end = source_.find("#}", position_);
    if (end == std::string::npos) jinja_fail(start_line, "a comment has no end");
    const char sign = end > position_ ? source_[end - 1] : ' ';
    advance(end + 2 - position_);
    after_tag(sign);
  }

  // What follows the end of a block or comment.
  void after_tag(char sign) {
    if (sign == '-') {
      skip_space();
    } else if (sign != '+' && at("\n")) {
      advance(1);
    }
  }

  void refuse_raw() const {
    std::string_view tag = rest().substr(2);
    if (tag.starts_with('-') || tag.starts_with('+')) tag.remove_prefix(1);
    tag = python_strip(tag.substr(0, tag.find('%')), StripSide::kBoth, " -+");
    if (tag == "raw") jinja_unsupported(line_, "{% raw %}");
  }

  void read_code(bool is_block) {
    const std::size_t start_line = line_;
    advance(2);
    add(is_block ? JinjaTokenKind::kBlockBegin : JinjaTokenKind::kVariableBegin, "");
    skip_sign();
    std::vector<char> open;  // brackets; the tag cannot end inside of them
    while (true) {
      skip_space();
      if (position_ >= source_.size()) jinja_fail(start_line, "a tag has no end");
      if (open.empty() && read_code_end(is_block)) return;
      read_token(open);
    }
  }

  bool read_code_end(bool is_block) {
    const std::string_view end = is_block ? "%}" : "}}";
    const char sign = source_[position_];
    const bool has_sign =
        (sign == '-' || (is_block && sign == '+')) && rest().substr(1).starts_with(end);
    if (!has_sign && !at(end)) return false;
    add(is_block ? JinjaTokenKind::kBlockEnd : JinjaTokenKind::kVariableEnd, "");
    advance(end.size() + (has_sign ? 1 : 0));
    if (is_block) {
      after_tag(has_sign ? sign : ' ');
    } else if (has_sign) {
      skip_space();
    }
    return true;
  }

  void read_token(std::vector<char>& open) {
    const char c = source_[position_];
    if (is_digit(c)) return read_number();
    if (is_name_start(c)) return read_name();
    if (c == '\'' || c == '"') return read_string(c);
    const auto* const found =
        std::ranges::find_if(kOperators, [this](std::string_view name) { return at(name); });
    if (found == kOperators.end()) {
      jinja_fail(line_, "unexpected character: " + python_repr(rest().substr(0, 1)));
    }
    balance(*found, open);
    add(JinjaTokenKind::kOperator, std::string(*found));
    advance(found->size());
  }

  void balance(std::string_view name, std::vector<char>& open) const {
    const std::string_view opening = "([{";
    const std::string_view closing = ")]}";
    if (opening.find(name) != std::string_view::npos) open.push_back(closing[opening.find(name)]);
    if (closing.find(name) == std::string_view::npos) return;
    if (open.empty() || open.back() != name.front()) {
      jinja_fail(line_, "a bracket that nothing opened: " + std::string(name));
    }
    open.pop_back();
  }

  void read_name() {
    std::size_t size = 1;
    while (size < rest().size() && (is_name_start(rest()[size]) || is_digit(rest()[size]))) ++size;
    add(JinjaTokenKind::kName, std::string(rest().substr(0, size)));
    advance(size);
  }

  void read_digits(std::string& digits) {
    while (position_ < source_.size() && (is_digit(source_[position_]) || at("_"))) {
      if (!at("_")) digits += source_[position_];
      advance(1);
    }
  }

  void read_number() {
    std::string digits;
    read_digits(digits);
    bool is_float = false;
    if (at(".") && rest().size() > 1 && is_digit(rest()[1])) {
      is_float = true;
      digits += '.';
      advance(1);
      read_digits(digits);
    }
    if (position_ < source_.size() && (is_name_start(source_[position_]))) {
      jinja_unsupported(line_, "number: " + digits + std::string(rest().substr(0, 1)));
    }
    add(is_float ? JinjaTokenKind::kFloat : JinjaTokenKind::kInteger, std::move(digits));
  }

  void read_string(char quote) {
    std::size_t end = position_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) jinja_fail(line_, "a string has no end");
    const std::string_view inner =
        std::string_view(source_).substr(position_ + 1, end - position_ - 1);
    add(JinjaTokenKind::kString, unescape_python_string(inner, line_));
    advance(end + 1 - position_);
  }

  std::string source_;
  std::size_t position_ = 0;
  std::size_t line_ = 1;
  std::vector<JinjaToken> tokens_;
};

}  // namespace

std::vector<JinjaToken> tokenize_template(std::string_view source) {
  return Lexer(source).run();
}

}  // namespace vlm
