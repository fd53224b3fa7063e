#pragma once

// Text of unknown origin as valid UTF-8.

#include <string>
#include <string_view>

namespace vlm {

inline constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";  // U+FFFD

// `text` with each broken character as U+FFFD: one for every longest start of a character that is
// not finished, as the Unicode standard recommends. Throws Error{kInvalidArgument} from 2 GiB on.
std::string valid_utf8(std::string_view text);

}  // namespace vlm
