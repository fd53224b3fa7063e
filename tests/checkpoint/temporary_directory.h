#pragma once

// A new directory for one test, removed with everything in it at the end.

#include <atomic>
#include <filesystem>
#include <string>
#include <system_error>

#include <unistd.h>

#include "core/files.h"

namespace vlm {

class TemporaryDirectory {
 public:
  TemporaryDirectory() : path_(unused_path()) { std::filesystem::create_directories(path_); }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  TemporaryDirectory(TemporaryDirectory&&) = delete;
  TemporaryDirectory& operator=(TemporaryDirectory&&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  // Writes a file below the directory, making folders as needed.
  std::filesystem::path add(const std::string& name, const std::string& content) const {
    const std::filesystem::path file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    write_file_atomically(file, content);
    return file;
  }

 private:
  static std::filesystem::path unused_path() {
    static std::atomic<int> count{0};
    return std::filesystem::temp_directory_path() /
           ("vlm-test-" + std::to_string(::getpid()) + "-" + std::to_string(count++));
  }

  std::filesystem::path path_;
};

}  // namespace vlm
