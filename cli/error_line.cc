#include "cli/error_line.h"

#include <algorithm>
#include <cctype>
#include <cstdio>

namespace vlm {

void print_error_line(std::string message) {
  std::replace_if(
      message.begin(), message.end(), [](unsigned char c) { return std::iscntrl(c) != 0; }, ' ');
  std::fprintf(stderr, "vlm-merge: error: %s\n", message.c_str());
}

}  // namespace vlm
