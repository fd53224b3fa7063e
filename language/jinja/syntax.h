#pragma once

// A parsed template.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "language/jinja/value.h"

namespace vlm {

struct JinjaExpression;
using JinjaExpressionPtr = std::unique_ptr<JinjaExpression>;

enum class JinjaExpressionKind : std::uint8_t {
  kLiteral,      // literal
  kName,         // name
  kList,         // operands
  kTuple,        // operands
  kDict,         // operands: key, value, key, value, ...
  kAttribute,    // operands[0].name
  kSubscript,    // operands[0][operands[1]]
  kSlice,        // operands[0][start:stop:step], the three may be null
  kCall,         // operands[0](operands[1...], keywords)
  kFilter,       // operands[0] | name(operands[1...], keywords)
  kTest,         // operands[0] is name(operands[1...])
  kNot,          // not operands[0]
  kNegative,     // -operands[0]
  kPositive,     // +operands[0]
  kBinary,       // operands[0] name operands[1]: arithmetic and ~
  kAnd,          // operands[0] and operands[1]
  kOr,           // operands[0] or operands[1]
  kComparison,   // operands[0] comparisons[0] operands[1] comparisons[1] operands[2] ...
  kConditional,  // operands[0] if operands[1] else operands[2]; the last may be null
};

struct JinjaExpression {
  JinjaExpressionKind kind = JinjaExpressionKind::kLiteral;
  std::size_t line = 0;
  std::size_t depth = 1;  // levels of expressions, bounded
  std::string name = {};
  JinjaValue literal = {};
  std::vector<JinjaExpressionPtr> operands = {};
  std::vector<std::pair<std::string, JinjaExpressionPtr>> keywords = {};
  std::vector<std::string> comparisons = {};  // ==, !=, <, <=, >, >=, in, not in
};

struct JinjaStatement;
using JinjaBody = std::vector<JinjaStatement>;

struct JinjaText {
  std::string text;
};

// {{ value }}
struct JinjaPrint {
  JinjaExpressionPtr value;
};

struct JinjaBranch {
  JinjaExpressionPtr condition;
  JinjaBody body;
};

struct JinjaIf {
  std::vector<JinjaBranch> branches;  // if and elif
  JinjaBody otherwise;
};

struct JinjaFor {
  std::vector<std::string> names;  // more than one: an item is unpacked
  JinjaExpressionPtr items;
  JinjaExpressionPtr condition;  // may be null
  JinjaBody body;
  JinjaBody otherwise;  // if there is no item
};

// {% set names = value %}, {% set space.field = value %}, {% set name %}body{% endset %}
struct JinjaSet {
  std::vector<std::string> names;
  std::string field;         // of the namespace names[0], if not empty
  JinjaExpressionPtr value;  // null: the rendered body
  JinjaBody body;
};

struct JinjaMacro {
  std::string name;
  std::vector<std::string> parameters;
  std::vector<JinjaExpressionPtr> defaults;  // of the last parameters
  JinjaBody body;
};

enum class JinjaJump : std::uint8_t { kBreak, kContinue };

struct JinjaStatement {
  std::size_t line = 0;
  std::variant<JinjaText, JinjaPrint, JinjaIf, JinjaFor, JinjaSet, JinjaMacro, JinjaJump, JinjaBody>
      node;  // JinjaBody: {% generation %}
};

}  // namespace vlm
