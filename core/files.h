#pragma once

// Reading small files whole, and writing files so that a name never shows a half-written content.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "core/output_place.h"

namespace vlm {

// The content of a file of at most `max_bytes`. Throws Error{kNotFound, kIo, kCorruptFile}.
std::string read_text_file(const std::filesystem::path& path,
                           std::size_t max_bytes = std::size_t{256} << 20U);

// The bytes of `from` as the file `to`, which must not be there. Throws Error{kNotFound, kIo} with
// the system's reason.
void copy_to_new_file(const std::filesystem::path& from, const std::filesystem::path& to);

// A new directory of this process alone, in the system's folder for temporary files. Throws
// Error{kIo}.
std::filesystem::path make_temporary_directory();

// A file that gets its name, replacing one that is there, only when all of it is written and
// flushed. Of a symbolic link the file behind it is replaced; a device or a named pipe is written
// into by commit(). The temporary file (beside the target; for a device in the system's folder for
// them) is removed by the destructor unless commit() was called.
class AtomicFile {
 public:
  // Throws as output_place() of core/output_place.h.
  explicit AtomicFile(const std::filesystem::path& target);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  AtomicFile(AtomicFile&&) = delete;
  AtomicFile& operator=(AtomicFile&&) = delete;

  // Where to write; no such file exists yet.
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return working_; }
  // Flushes the closed file and gives it its name. Throws Error{kIo, kNotFound}.
  void commit();

 private:
  OutputPlace target_;
  std::filesystem::path private_folder_;  // of the temporary file of a stream, else empty
  std::filesystem::path working_;
};

// Writes `content` by an AtomicFile: a reader of a regular file, or a run after a crash, sees the
// old content or the new, nothing between. Throws Error{kNotFound} without that directory,
// Error{kIo}; the temporary file is then removed.
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

// The bytes that a file takes on the disk, less than its size if it has holes; 0 if it is not
// there.
std::uintmax_t allocated_bytes(const std::filesystem::path& path) noexcept;

// Flushes a file or a directory (its entries) to the disk. Throws Error{kIo}.
void sync_to_disk(const std::filesystem::path& path);

}  // namespace vlm
