#pragma once

// "Did you mean": the known name nearest to one that is not known.

#include <span>
#include <string>
#include <string_view>

namespace vlm {

// The candidate with the smallest Levenshtein distance to `name`, or "" if none is nearer than half
// the name's length. Ties: the first.
std::string nearest_name(std::string_view name, std::span<const std::string> candidates);

// " (did you mean 'X'?)" or, with no near name, " (known: A, B, C)". For the end of an error line.
std::string name_hint(std::string_view name, std::span<const std::string> candidates);

}  // namespace vlm
