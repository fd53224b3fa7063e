#pragma once

// The pictures that a line of an input file names.

#include <filesystem>
#include <vector>

#include "core/json_fields.h"

namespace vlm {

// `image` of the line, a file name or a list of them, relative to `folder`; none without the key.
// Throws Error{kCorruptFile} for anything else.
std::vector<std::filesystem::path> pictures_in(const JsonFields& line,
                                               const std::filesystem::path& folder);

}  // namespace vlm
