#pragma once

// Tests: what stands behind `is`.

#include "language/jinja/call.h"
#include "language/jinja/value.h"

namespace vlm {

// Whether `value is NAME(arguments)`. Throws Error{kUnsupported} for an unknown test,
// Error{kInvalidArgument} for wrong arguments.
bool jinja_test(std::string_view name, const JinjaValue& value, const JinjaCall& call);

}  // namespace vlm
