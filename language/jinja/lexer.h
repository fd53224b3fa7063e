#pragma once

// Cuts a template into text and the tokens of its tags, with Jinja's white space control:
// trim_blocks and lstrip_blocks are on, `-` strips and `+` keeps.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vlm {

enum class JinjaTokenKind : std::uint8_t {
  kData,        // text outside of tags
  kBlockBegin,  // {%
  kBlockEnd,
  kVariableBegin,  // {{
  kVariableEnd,
  kName,
  kString,  // text: its value
  kInteger,
  kFloat,
  kOperator,
  kEnd,
};

struct JinjaToken {
  JinjaTokenKind kind = JinjaTokenKind::kEnd;
  std::string text;
  std::size_t line = 0;

  [[nodiscard]] bool is_name(std::string_view name) const {
    return kind == JinjaTokenKind::kName && text == name;
  }
  [[nodiscard]] bool is_operator(std::string_view name) const {
    return kind == JinjaTokenKind::kOperator && text == name;
  }
};

// The last token is kEnd. Throws Error{kInvalidArgument, kUnsupported} naming the line.
std::vector<JinjaToken> tokenize_template(std::string_view source);

}  // namespace vlm
