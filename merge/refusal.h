#pragma once

// How planning a merge says no.

#include <string>

#include "core/error.h"

namespace vlm {

// Throws Error{kInvalidArgument}. `what` is a line as Error wants it.
[[noreturn]] inline void refuse(const std::string& what) {
  throw Error(ErrorCode::kInvalidArgument, what);
}

}  // namespace vlm
