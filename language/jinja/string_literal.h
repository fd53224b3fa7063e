#pragma once

// Escape sequences in the string literals of a template.

#include <cstddef>
#include <string>
#include <string_view>

namespace vlm {

// The value of what stands between the quotes of a Python string literal; unknown escapes keep
// their backslash. Throws Error{kInvalidArgument, kUnsupported} naming `line`.
std::string unescape_python_string(std::string_view text, std::size_t line);

}  // namespace vlm
