#include "language/jinja/template.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "language/jinja/parser.h"

namespace vlm {
namespace {

// Far longer than any template.
constexpr std::size_t kLongestSource = std::size_t{1} << 20U;

bool names(const JinjaExpression& expression, std::string_view name) {
  const std::string* literal = expression.literal.as_text();
  const bool is_key = expression.kind == JinjaExpressionKind::kLiteral && literal != nullptr;
  if (expression.kind == JinjaExpressionKind::kAttribute && expression.name == name) return true;
  if (is_key && *literal == name) return true;
  return std::ranges::any_of(expression.operands, [name](const JinjaExpressionPtr& operand) {
    return operand != nullptr && names(*operand, name);
  });
}

bool loops_in(const JinjaBody& body, std::string_view name);

bool loops_in(const JinjaStatement& statement, std::string_view name) {
  if (const auto* loop = std::get_if<JinjaFor>(&statement.node)) {
    return names(*loop->items, name) || loops_in(loop->body, name) ||
           loops_in(loop->otherwise, name);
  }
  if (const auto* choice = std::get_if<JinjaIf>(&statement.node)) {
    return loops_in(choice->otherwise, name) ||
           std::ranges::any_of(choice->branches, [name](const JinjaBranch& branch) {
             return loops_in(branch.body, name);
           });
  }
  if (const auto* macro = std::get_if<JinjaMacro>(&statement.node)) {
    return loops_in(macro->body, name);
  }
  if (const auto* set = std::get_if<JinjaSet>(&statement.node)) return loops_in(set->body, name);
  const auto* block = std::get_if<JinjaBody>(&statement.node);
  return block != nullptr && loops_in(*block, name);
}

bool loops_in(const JinjaBody& body, std::string_view name) {
  return std::ranges::any_of(
      body, [name](const JinjaStatement& statement) { return loops_in(statement, name); });
}

JinjaBody parse_checked(std::string_view source) {
  if (source.size() > kLongestSource) {
    throw Error(ErrorCode::kInvalidArgument,
                "chat template: too long: " + std::to_string(source.size()) + " bytes");
  }
  return parse_template(source);
}

}  // namespace

JinjaTemplate::JinjaTemplate(std::string_view source) : body_(parse_checked(source)) {}

std::string JinjaTemplate::render(JinjaVariables variables, std::size_t budget) const {
  JinjaBudget left(budget);
  return JinjaRenderer(std::move(variables), left).render(body_);
}

bool JinjaTemplate::loops_over(std::string_view name) const {
  return loops_in(body_, name);
}

}  // namespace vlm
