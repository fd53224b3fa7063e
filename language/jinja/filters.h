#pragma once

// Filters: what stands behind |.

#include <string_view>

#include "language/jinja/call.h"
#include "language/jinja/value.h"

namespace vlm {

// value | NAME(arguments). Throws Error{kUnsupported} for an unknown filter,
// Error{kInvalidArgument} for a value or arguments it cannot take.
JinjaValue jinja_filter(std::string_view name, const JinjaValue& value, const JinjaCall& call);

}  // namespace vlm
