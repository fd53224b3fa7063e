#pragma once

// Keeps two processes from searching one study at a time: both would count their own trials only,
// and neither could tell the other's running trials from those of a process that was killed.

#include <cstdint>
#include <filesystem>
#include <optional>

#include "core/file_lock.h"

namespace vlm {

// Held until destruction or the end of the process, however it ends. Reading the study, also by
// optuna-dashboard, stays possible, and other studies of the same file can be searched.
class StudyLock {
 public:
  // `study_id` as StudyStore::id(). Throws Error{kIo} if another process, or this one, searches the
  // study, or if the file system knows no locks.
  StudyLock(const std::filesystem::path& file, std::int64_t study_id);

 private:
  std::optional<FileLock> lock_;
};

}  // namespace vlm
