#include "search/study_lock.h"

#include <string>

#include "core/error.h"

namespace vlm {
namespace {

// Each study has a byte of its own, far behind any content and SQLite's own lock bytes.
constexpr std::int64_t kFirstLockByte = std::int64_t{1} << 52U;

}  // namespace

StudyLock::StudyLock(const std::filesystem::path& file, std::int64_t study_id)
    : lock_(FileLock::try_lock(file, FileLock::Missing::kRefuse, kFirstLockByte + study_id)) {
  if (lock_) return;
  throw Error(ErrorCode::kIo, "study is in use: " + file.string() +
                                  ": another process searches it (let it end, or stop it)");
}

}  // namespace vlm
