#pragma once

// Reading small files whole, and writing files so that a name never shows a half-written content.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace vlm {

// The content of a file of at most `max_bytes`. Throws Error{kNotFound, kIo, kCorruptFile}.
std::string read_text_file(const std::filesystem::path& path,
                           std::size_t max_bytes = std::size_t{256} << 20U);

// A file that gets its name, replacing one that is there, only when all of it is written and
// flushed. The temporary file beside the target is removed by the destructor unless commit() was
// called.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path target);
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
  std::filesystem::path target_;
  std::filesystem::path working_;
};

// For a file that long work will fill: throws Error{kNotFound} now if its directory is missing.
void require_directory_of(const std::filesystem::path& file);

// Writes `content` to a temporary file beside `path`, flushes it to the disk and renames it over
// `path`: a reader, or a run after a crash, sees the old content or the new, nothing between.
// Throws Error{kNotFound} without that directory, Error{kIo}; the temporary file is then removed.
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

// The bytes that a file takes on the disk, less than its size if it has holes; 0 if it is not
// there.
std::uintmax_t allocated_bytes(const std::filesystem::path& path) noexcept;

// Flushes a file or a directory (its entries) to the disk. Throws Error{kIo}.
void sync_to_disk(const std::filesystem::path& path);

}  // namespace vlm
