#pragma once

// What a call that should be refused says.

#include <string>

#include "core/error.h"

namespace vlm {

// The message of the Error that `action` throws, or "no error".
template <typename Action>
std::string error_message(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace vlm
