#pragma once

// A regular expression for names of tensors.

#include <memory>
#include <string>
#include <string_view>

namespace vlm {

// Immutable: all functions may be called from several threads at once.
class NamePattern {
 public:
  // In ICU's syntax; `place` is for messages. Throws Error{kInvalidArgument} for a broken one.
  NamePattern(std::string expression, const std::string& place);

  // Whether it matches a part of `name`. Throws Error{kInvalidArgument} if that takes too long.
  [[nodiscard]] bool is_in(std::string_view name) const;
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  struct Compiled;

  std::string text_;
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace vlm
