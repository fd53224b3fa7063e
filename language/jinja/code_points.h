#pragma once

// Text operations of Python's str, which counts in code points, on UTF-8.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vlm {

// Byte offsets of all code points, and the size at the end. Bytes that are no UTF-8 count alone.
std::vector<std::size_t> code_point_offsets(std::string_view text);
std::size_t count_code_points(std::string_view text);

// Whether str.isspace() holds for all of a text that is not empty.
bool is_python_space(std::string_view text);
// The bytes of white space at the start; looks at no more of the text.
std::size_t leading_space_size(std::string_view text);

enum class StripSide : std::uint8_t { kBoth, kLeft, kRight };
// str.strip(), lstrip(), rstrip(): of white space, or of the code points in `characters` if any.
std::string_view python_strip(std::string_view text, StripSide side = StripSide::kBoth,
                              std::string_view characters = {});

std::string python_upper(std::string_view text);
std::string python_lower(std::string_view text);
// The first letter in upper case, the others in lower case.
std::string python_capitalize(std::string_view text);
// Every word capitalised; words are runs of letters, as in str.title().
std::string python_title(std::string_view text);

// repr(text): in quotes, control characters escaped.
std::string python_repr(std::string_view text);

}  // namespace vlm
