#pragma once

// Methods of texts, lists and dicts.

#include <string_view>
#include <vector>

#include "language/jinja/call.h"
#include "language/jinja/value.h"

namespace vlm {

// object.NAME(arguments). Throws Error{kUnsupported} for an unknown method, Error{kInvalidArgument}
// for wrong arguments.
JinjaValue jinja_method(std::string_view name, const JinjaValue& object, const JinjaCall& call);

// Whether a dict has a method of the name, which then hides a key.
bool is_dict_method(std::string_view name);

// Python's text.replace(old, new, count); count < 0: all.
std::string python_replace(const std::string& text, const std::string& old,
                           const std::string& replacement, std::int64_t count, JinjaBudget& budget);

// The entries of a dict as tuples (key, value).
std::vector<JinjaValue> jinja_dict_items(const JinjaDict& dict, JinjaBudget& budget);

}  // namespace vlm
