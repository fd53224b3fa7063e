#pragma once

// A whole template: text, {{ values }} and the statements if, for, set, macro, break, continue and
// generation.

#include <string_view>

#include "language/jinja/syntax.h"

namespace vlm {

// Throws Error{kInvalidArgument} for what is no Jinja, Error{kUnsupported} for what is not
// supported; both name the line.
JinjaBody parse_template(std::string_view source);

}  // namespace vlm
