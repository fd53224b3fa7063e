#pragma once

#include <string_view>

namespace vlm {

// The version of the program, as written into results, studies and `--version`.
inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace vlm
