#pragma once

// Directories that appear complete or not at all.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>

#include "core/file_lock.h"

namespace vlm {

// What becomes of the work of a process that died, or failed, before its directory was complete.
enum class UnfinishedWork : std::uint8_t {
  kRemove,
  kKeep  // the next one with the same target finds it
};

// A new directory that gets its final name only when all in it is written. The work happens in the
// hidden directory ".NAME.tmp" beside the target (so on the same file system), of which one process
// at a time is the owner.
class AtomicDirectory {
 public:
  // With kRemove begins with an empty directory, and the destructor removes it unless commit() was
  // called. With kKeep begins with what is there, and the destructor leaves what is in it.
  // Throws Error{kExists} if `target` exists or another process writes it, Error{kIo} if it cannot
  // be made there.
  explicit AtomicDirectory(std::filesystem::path target,
                           UnfinishedWork unfinished = UnfinishedWork::kRemove);
  ~AtomicDirectory();
  AtomicDirectory(const AtomicDirectory&) = delete;
  AtomicDirectory& operator=(const AtomicDirectory&) = delete;
  AtomicDirectory(AtomicDirectory&&) = delete;
  AtomicDirectory& operator=(AtomicDirectory&&) = delete;

  // Throws what the constructor would throw, apart from other processes. To find out, a directory
  // is made in the nearest folder that exists, and removed.
  static void check_can_be_made(const std::filesystem::path& target);
  // Where the work for a target happens.
  [[nodiscard]] static std::filesystem::path working_directory(const std::filesystem::path& target);
  // Where to write.
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return working_; }
  // What the destructor does from now on.
  void set_unfinished_work(UnfinishedWork unfinished) noexcept { unfinished_ = unfinished; }
  // Removes all that is in it, but entries of these names.
  void clear(const std::set<std::string>& kept = {});
  // Flushes every file, gives the directory its final name, and only then removes files of the
  // names `scaffold`, which whoever takes over the work before needs. Throws Error{kIo, kExists}.
  void commit(const std::set<std::string>& scaffold = {});

 private:
  std::filesystem::path target_;
  std::filesystem::path working_;
  UnfinishedWork unfinished_;
  std::optional<FileLock> lock_;
};

}  // namespace vlm
