#pragma once

// Locks that keep two processes, or two parts of one, from changing the same thing at a time.

#include <cstdint>
#include <filesystem>
#include <optional>

namespace vlm {

// Held until destruction or the end of the process, however it ends. A lock of the open file
// description: other locks of this process on the same file do not replace it.
class FileLock {
 public:
  enum class Missing : std::uint8_t { kRefuse, kCreate };

  // Locks one byte of a file, which need not have that many. A file that is not there is made, or
  // is an error.
  // Nothing if somebody else holds it. Throws Error{kIo, kNotFound} if the file cannot be opened or
  // its file system knows no locks.
  static std::optional<FileLock> try_lock(const std::filesystem::path& file, Missing missing,
                                          std::int64_t byte = 0);
  ~FileLock();
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

  // Whether `file` is still the file that was locked, not another one of that name.
  [[nodiscard]] bool is_of(const std::filesystem::path& file) const noexcept;

 private:
  explicit FileLock(int descriptor) noexcept : descriptor_(descriptor) {}

  int descriptor_;
};

}  // namespace vlm
