#pragma once

#include <string_view>

namespace vlm {

// The version of the program, as written into results, studies and `--version`. A merge goes on
// with what the same version wrote: another one may round or draw otherwise.
inline constexpr std::string_view kVersion = "0.2.0";

}  // namespace vlm
