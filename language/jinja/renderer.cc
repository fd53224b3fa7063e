#include "language/jinja/renderer.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "language/jinja/nesting.h"
#include "language/jinja/problem.h"

namespace vlm {
namespace {

// The variable `loop` for item i.
JinjaValue loop_variable(const std::vector<JinjaValue>& items, std::size_t i) {
  const auto number = [](std::size_t value) {
    return JinjaValue::integer(static_cast<std::int64_t>(value));
  };
  JinjaDict loop;
  loop.is_loop = true;
  loop.entries = {{"index", number(i + 1)},
                  {"index0", number(i)},
                  {"revindex", number(items.size() - i)},
                  {"revindex0", number(items.size() - i - 1)},
                  {"first", JinjaValue::boolean(i == 0)},
                  {"last", JinjaValue::boolean(i + 1 == items.size())},
                  {"length", number(items.size())}};
  if (i > 0) loop.entries.emplace_back("previtem", items[i - 1]);
  if (i + 1 < items.size()) loop.entries.emplace_back("nextitem", items[i + 1]);
  return JinjaValue::dict(std::move(loop));
}

}  // namespace

class JinjaRenderer::InnerScope {
 public:
  InnerScope(JinjaRenderer& renderer, const Scope* parent)
      : renderer_(&renderer), outer_(renderer.scope_), scope_{{}, parent} {
    renderer.scope_ = &scope_;
    renderer.budget_->spend(kJinjaItemCost);
  }
  ~InnerScope() { renderer_->scope_ = outer_; }
  InnerScope(const InnerScope&) = delete;
  InnerScope& operator=(const InnerScope&) = delete;
  InnerScope(InnerScope&&) = delete;
  InnerScope& operator=(InnerScope&&) = delete;

 private:
  JinjaRenderer* renderer_;
  Scope* outer_;
  Scope scope_;
};

JinjaRenderer::JinjaRenderer(JinjaVariables globals, JinjaBudget& budget)
    : budget_(&budget), globals_{std::move(globals), nullptr} {}

std::string JinjaRenderer::render(const JinjaBody& body) {
  scope_ = &globals_;
  std::string out;
  run(body, out);
  return out;
}

JinjaRenderer::Flow JinjaRenderer::run(const JinjaBody& body, std::string& out) {
  for (const JinjaStatement& statement : body) {
    const Flow flow = run(statement, out);
    if (flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

void JinjaRenderer::append(std::string& out, const std::string& text) {
  budget_->spend(text.size());
  out += text;
}

JinjaRenderer::Flow JinjaRenderer::run(const JinjaStatement& statement, std::string& out) {
  const JinjaNesting level(depth_, kDeepest, statement.line);
  budget_->enter_line(statement.line);
  budget_->spend(1);
  return std::visit(
      [&](const auto& node) -> Flow {
        using Node = std::decay_t<decltype(node)>;
        if constexpr (std::is_same_v<Node, JinjaText>) {
          append(out, node.text);
        } else if constexpr (std::is_same_v<Node, JinjaPrint>) {
          append(out, jinja_text(evaluate(*node.value), *budget_));
        } else if constexpr (std::is_same_v<Node, JinjaIf>) {
          return run_if(node, out);
        } else if constexpr (std::is_same_v<Node, JinjaFor>) {
          return run_for(node, out);
        } else if constexpr (std::is_same_v<Node, JinjaSet>) {
          return run_set(node, statement.line);
        } else if constexpr (std::is_same_v<Node, JinjaMacro>) {
          scope_->variables.insert_or_assign(node.name, JinjaValue::macro(&node));
        } else if constexpr (std::is_same_v<Node, JinjaJump>) {
          return node == JinjaJump::kBreak ? Flow::kBreak : Flow::kContinue;
        } else {
          return run(node, out);
        }
        return Flow::kNext;
      },
      statement.node);
}

JinjaRenderer::Flow JinjaRenderer::run_if(const JinjaIf& statement, std::string& out) {
  for (const JinjaBranch& branch : statement.branches) {
    if (evaluate(*branch.condition).is_true()) return run(branch.body, out);
  }
  return run(statement.otherwise, out);
}

std::vector<JinjaValue> JinjaRenderer::loop_items(const JinjaFor& loop, std::size_t line) {
  const JinjaCall call{"the loop", line, budget_, {}, {}};
  std::vector<JinjaValue> items = jinja_items(evaluate(*loop.items), call);
  if (loop.condition == nullptr) return items;
  std::vector<JinjaValue> chosen;
  for (JinjaValue& item : items) {
    const InnerScope inner(*this, scope_);
    assign(loop.names, item, line);
    if (evaluate(*loop.condition).is_true()) chosen.push_back(std::move(item));
  }
  return chosen;
}

JinjaRenderer::Flow JinjaRenderer::run_for(const JinjaFor& loop, std::string& out) {
  const std::size_t line = loop.items->line;
  const std::vector<JinjaValue> items = loop_items(loop, line);
  if (items.empty()) return run(loop.otherwise, out);
  for (std::size_t i = 0; i < items.size(); ++i) {
    const InnerScope inner(*this, scope_);
    assign(loop.names, items[i], line);
    scope_->variables.insert_or_assign("loop", loop_variable(items, i));
    if (run(loop.body, out) == Flow::kBreak) break;
  }
  return Flow::kNext;
}

void JinjaRenderer::assign(const std::vector<std::string>& names, const JinjaValue& value,
                           std::size_t line) {
  if (names.size() == 1) {
    scope_->variables.insert_or_assign(names.front(), value);
    return;
  }
  const JinjaCall call{"unpacking", line, budget_, {}, {}};
  const std::vector<JinjaValue> items = jinja_items(value, call);
  if (items.size() != names.size()) {
    jinja_fail(line, "expected " + std::to_string(names.size()) +
                         " values to unpack: " + std::to_string(items.size()));
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    scope_->variables.insert_or_assign(names[i], items[i]);
  }
}

JinjaRenderer::Flow JinjaRenderer::run_set(const JinjaSet& statement, std::size_t line) {
  JinjaValue value;
  if (statement.value != nullptr) {
    value = evaluate(*statement.value);
  } else {
    std::string text;
    const InnerScope inner(*this, scope_);
    run(statement.body, text);
    value = JinjaValue::text(std::move(text));
  }
  // Python's generators can be run through once only; this keeps that from mattering.
  if (value.is_generator()) jinja_unsupported(line, "a generator in a variable, without |list");
  if (statement.field.empty()) {
    assign(statement.names, value, line);
    return Flow::kNext;
  }
  const JinjaValue* space = find_variable(statement.names.front());
  if (space == nullptr || space->as_namespace() == nullptr) {
    jinja_fail(line, "not a namespace: " + statement.names.front());
  }
  space->as_namespace()->fields.insert_or_assign(statement.field, std::move(value));
  return Flow::kNext;
}

const JinjaValue* JinjaRenderer::find_variable(std::string_view name) const {
  for (const Scope* scope = scope_; scope != nullptr; scope = scope->parent) {
    const auto found = scope->variables.find(name);
    if (found != scope->variables.end()) return &found->second;
  }
  return nullptr;
}

JinjaValue JinjaRenderer::call_macro(const JinjaMacro& macro, const JinjaCall& call) {
  if (call.arguments.size() > macro.parameters.size()) {
    jinja_fail(call.line, "macro " + macro.name + " takes at most " +
                              std::to_string(macro.parameters.size()) +
                              " arguments: " + std::to_string(call.arguments.size()));
  }
  for (const auto& [keyword, value] : call.keywords) {
    if (std::ranges::find(macro.parameters, keyword) == macro.parameters.end()) {
      jinja_fail(call.line, "macro " + macro.name + " has no parameter " + keyword);
    }
  }
  const std::size_t first_default = macro.parameters.size() - macro.defaults.size();
  const InnerScope inner(*this, &globals_);
  for (std::size_t i = 0; i < macro.parameters.size(); ++i) {
    const std::string& name = macro.parameters[i];
    const JinjaValue* given = call.find(i, name);
    JinjaValue value = JinjaValue::undefined(name);
    if (given != nullptr) {
      value = *given;
    } else if (i >= first_default) {
      value = evaluate(*macro.defaults[i - first_default]);
    }
    scope_->variables.insert_or_assign(name, std::move(value));
  }
  std::string text;
  run(macro.body, text);
  return JinjaValue::text(std::move(text));
}

}  // namespace vlm
