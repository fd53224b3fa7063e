#include "cli/output_files.h"

#include <cstdio>

#include <sys/stat.h>
#include <unistd.h>

#include "core/output_place.h"

namespace vlm {

bool is_standard_output(const std::filesystem::path& file) {
  struct stat named {};
  struct stat output {};
  return ::stat(file.c_str(), &named) == 0 && ::fstat(STDOUT_FILENO, &output) == 0 &&
         named.st_dev == output.st_dev && named.st_ino == output.st_ino;
}

void require_output_places(std::initializer_list<std::filesystem::path> files) {
  for (const std::filesystem::path& file : files) {
    if (!file.empty()) static_cast<void>(output_place(file));
  }
}

void tell_written(const std::filesystem::path& file, const std::string& line) {
  std::fprintf(is_standard_output(file) ? stderr : stdout, "%s\n", line.c_str());
}

}  // namespace vlm
