#pragma once

// Errors of a template: one line that names the line of the template.

#include <cstddef>
#include <string>

#include "core/error.h"

namespace vlm {

// A construct outside the supported part of Jinja.
[[noreturn]] inline void jinja_unsupported(std::size_t line, const std::string& construct) {
  throw Error(ErrorCode::kUnsupported,
              "chat template: line " + std::to_string(line) + ": not supported: " + construct);
}

// A template that is wrong, or cannot be applied to its input.
[[noreturn]] inline void jinja_fail(std::size_t line, const std::string& what) {
  throw Error(ErrorCode::kInvalidArgument,
              "chat template: line " + std::to_string(line) + ": " + what);
}

}  // namespace vlm
