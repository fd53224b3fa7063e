#include "search/study_lock.h"

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "core/error.h"

namespace vlm {
namespace {

// Each study has a byte of its own, far behind any content and SQLite's own lock bytes.
constexpr std::int64_t kFirstLockByte = std::int64_t{1} << 52U;

}  // namespace

// A lock of the open file description: SQLite's locks on the same file are the process's, and would
// replace one of that kind.
StudyLock::StudyLock(const std::filesystem::path& file, std::int64_t study_id)
    : descriptor_(::open(file.c_str(), O_RDWR | O_CLOEXEC)) {
  if (descriptor_ < 0) {
    throw Error(ErrorCode::kIo, "cannot open file: " + file.string() + ": " +
                                    std::generic_category().message(errno));
  }
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = kFirstLockByte + study_id;
  lock.l_len = 1;
  if (::fcntl(descriptor_, F_OFD_SETLK, &lock) == 0) return;
  const int reason = errno;
  ::close(descriptor_);
  if (reason == EAGAIN || reason == EACCES) {
    throw Error(ErrorCode::kIo, "study is in use: " + file.string() +
                                    ": another process searches it (let it end, or stop it)");
  }
  throw Error(ErrorCode::kIo, "cannot lock file: " + file.string() + ": " +
                                  std::generic_category().message(reason));
}

StudyLock::StudyLock(StudyLock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

StudyLock::~StudyLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace vlm
