#pragma once

// What tells one content of a file from another without reading it.

#include <cstdint>
#include <filesystem>
#include <string>

namespace vlm {

// A file of that name at some time. Two equal states mean the same content, as far as the file
// system tells.
struct FileState {
  std::string path;  // absolute
  std::uint64_t size_bytes = 0;
  std::int64_t modified_ns = 0;  // since 1970
  std::uint64_t device = 0;
  std::uint64_t inode = 0;

  friend bool operator==(const FileState&, const FileState&) = default;
};

// All of it in one line.
std::string to_string(const FileState& state);

// The state of a file now; symbolic links are followed. Throws Error{kNotFound, kIo}.
FileState file_state(const std::filesystem::path& path);

// The state of an open file, which was opened as `path`. Throws Error{kIo}.
FileState file_state(int descriptor, const std::filesystem::path& path);

// Throws Error{kCorruptFile} naming the file and the difference unless it is still as it was.
void check_unchanged(const FileState& before);

}  // namespace vlm
