#pragma once

// Functions that every template can call: range, dict, raise_exception, strftime_now.

#include <string_view>

#include "language/jinja/call.h"
#include "language/jinja/value.h"

namespace vlm {

// Whether the name is that of a function of Jinja or of transformers, `namespace` included.
bool is_jinja_function(std::string_view name);

// NAME(arguments), for all but `namespace`. Throws Error{kInvalidArgument} with the template's own
// message for raise_exception, Error{kUnsupported} for other functions of Jinja,
// Error{kInvalidArgument} for a name that is no function.
JinjaValue jinja_function(std::string_view name, const JinjaCall& call);

}  // namespace vlm
