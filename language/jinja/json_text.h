#pragma once

// A value as JSON text, as the filter tojson of chat templates writes it.

#include <cstddef>
#include <optional>
#include <string>

#include "language/jinja/call.h"
#include "language/jinja/value.h"

namespace vlm {

struct JsonTextStyle {
  bool ascii_only = false;  // others as \uXXXX
  bool sort_keys = false;
  std::optional<std::size_t> indent;  // blanks for each level; none: one line
};

// Python's json.dumps(value, ...). Throws Error{kInvalidArgument} for what has no JSON.
std::string jinja_json(const JinjaValue& value, const JsonTextStyle& style, const JinjaCall& call);

}  // namespace vlm
