#pragma once

// A Jinja template of the kind that chat templates are: parsed once, rendered with variables.

#include <cstddef>
#include <string>
#include <string_view>

#include "language/jinja/renderer.h"
#include "language/jinja/syntax.h"

namespace vlm {

// Behaviour of jinja2's ImmutableSandboxedEnvironment with trim_blocks and lstrip_blocks, for the
// part of the language that chat templates use. What is outside is refused, never skipped.
// Immutable: may be rendered from several threads at once.
class JinjaTemplate {
 public:
  // Throws Error{kInvalidArgument, kUnsupported} naming the line.
  explicit JinjaTemplate(std::string_view source);

  // What rendering may cost by default (JinjaBudget): some megabytes of text.
  static constexpr std::size_t kDefaultBudget = std::size_t{1} << 26U;

  // Throws Error{kInvalidArgument, kUnsupported} naming the line; with the template's own message
  // if it calls raise_exception.
  [[nodiscard]] std::string render(JinjaVariables variables,
                                   std::size_t budget = kDefaultBudget) const;

  // Whether it loops over an attribute or key of that name of anything.
  [[nodiscard]] bool loops_over(std::string_view name) const;

 private:
  JinjaBody body_;
};

}  // namespace vlm
