#pragma once

// Read-only memory mapping of a whole file.

#include <cstddef>
#include <filesystem>
#include <span>

#include "core/file_state.h"

namespace vlm {

// Maps a file for reading and unmaps it in the destructor. Views of bytes() end with this object.
// Throws Error{kNotFound, kIo} if the file cannot be opened or is not a regular file.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {data_, size_bytes_}; }
  // When it was mapped.
  [[nodiscard]] const FileState& state() const noexcept { return state_; }

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_bytes_ = 0;
  FileState state_;
};

}  // namespace vlm
