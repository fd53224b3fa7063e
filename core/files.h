#pragma once

// Reading small files whole, and writing files so that a name never shows a half-written content.

#include <cstddef>
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

// Writes `content` to a temporary file beside `path`, flushes it to the disk and renames it over
// `path`: a reader, or a run after a crash, sees the old content or the new, nothing between.
// Throws Error{kNotFound} without that directory, Error{kIo}; the temporary file is then removed.
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

// Flushes a file or a directory (its entries) to the disk. Throws Error{kIo}.
void sync_to_disk(const std::filesystem::path& path);

// A new directory that gets its final name only when all in it is written. The work happens in a
// hidden directory beside the target, which the destructor removes unless commit() was called. What
// processes that were killed left there is removed by the next one with the same target.
class AtomicDirectory {
 public:
  // Throws Error{kExists} if `target` exists, Error{kIo} if it cannot be made there.
  explicit AtomicDirectory(std::filesystem::path target);
  ~AtomicDirectory();
  AtomicDirectory(const AtomicDirectory&) = delete;
  AtomicDirectory& operator=(const AtomicDirectory&) = delete;
  AtomicDirectory(AtomicDirectory&&) = delete;
  AtomicDirectory& operator=(AtomicDirectory&&) = delete;

  // Where to write.
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return working_; }
  // Flushes every file and gives the directory its final name. Throws Error{kIo, kExists}.
  void commit();

 private:
  std::filesystem::path target_;
  std::filesystem::path working_;
};

}  // namespace vlm
