#pragma once

// A bound on what rendering a template may cost, so that no template runs for long or takes much
// memory; and where the rendering is.

#include <cstddef>

#include "language/jinja/problem.h"

namespace vlm {

// What an item of a list costs, next to a byte of a text.
constexpr std::size_t kJinjaItemCost = 32;

// Units are about a byte written or a node evaluated.
class JinjaBudget {
 public:
  explicit JinjaBudget(std::size_t units) : left_(units) {}

  // Throws Error{kInvalidArgument} when the budget is used up.
  void spend(std::size_t units) {
    if (units > left_) jinja_fail(line_, "rendering takes too much time or memory");
    left_ -= units;
  }

  // The template's line that is rendered now, for messages.
  void enter_line(std::size_t line) noexcept { line_ = line; }
  [[nodiscard]] std::size_t line() const noexcept { return line_; }

 private:
  std::size_t left_;
  std::size_t line_ = 1;
};

}  // namespace vlm
