#pragma once

// Operators of expressions on values, as Python defines them.

#include <cstddef>
#include <optional>
#include <string_view>

#include "language/jinja/call.h"
#include "language/jinja/value.h"

namespace vlm {

// a OP b for + - * / // % ~. `call` names the operator. Throw Error{kInvalidArgument}.
JinjaValue jinja_binary(const JinjaCall& call, std::string_view name, const JinjaValue& a,
                        const JinjaValue& b);
// a OP b for == != < <= > >= in, not in.
bool jinja_compare(const JinjaCall& call, std::string_view name, const JinjaValue& a,
                   const JinjaValue& b);
JinjaValue jinja_negative(const JinjaCall& call, const JinjaValue& value);

// value.name: a key of a dict or a field of a namespace, else undefined.
JinjaValue jinja_attribute(const JinjaCall& call, const JinjaValue& value, std::string_view name);
// value[index].
JinjaValue jinja_subscript(const JinjaCall& call, const JinjaValue& value, const JinjaValue& index);
// value[start:stop:step]; null for what is not given.
JinjaValue jinja_slice(const JinjaCall& call, const JinjaValue& value, const JinjaValue* start,
                       const JinjaValue* stop, const JinjaValue* step);

}  // namespace vlm
