#pragma once

// What benchmarks share that measure once for each run.

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <string>

#include "core/error.h"

namespace vlm {

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Throws Error{kInvalidArgument} unless it is a number above 0.
inline std::size_t count_of(const char* argument) {
  const long value = std::strtol(argument, nullptr, 10);
  if (value <= 0) {
    throw Error(ErrorCode::kInvalidArgument, std::string("expected a count: ") + argument);
  }
  return static_cast<std::size_t>(value);
}

}  // namespace vlm
