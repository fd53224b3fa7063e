#pragma once

// How the program says on standard error what went wrong.

#include <string>

namespace vlm {

// Prints "vlm-merge: error: MESSAGE" as one line; control characters in it become blanks.
void print_error_line(std::string message);

}  // namespace vlm
