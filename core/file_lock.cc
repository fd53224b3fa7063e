#include "core/file_lock.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/system_error.h"

namespace vlm {

std::optional<FileLock> FileLock::try_lock(const std::filesystem::path& file, Missing missing,
                                           std::int64_t byte) {
  constexpr mode_t kReadableByAll = 0644;
  const int creates = missing == Missing::kCreate ? O_CREAT : 0;
  FileLock lock(::open(file.c_str(), O_RDWR | creates | O_CLOEXEC, kReadableByAll));
  if (lock.descriptor_ < 0) fail_with_errno("cannot open file", file);
  struct flock range {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  range.l_start = byte;
  range.l_len = 1;
  if (::fcntl(lock.descriptor_, F_OFD_SETLK, &range) == 0) return lock;
  if (errno == EAGAIN || errno == EACCES) return std::nullopt;
  fail_with_errno("cannot lock file", file);
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

FileLock::FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

bool FileLock::is_of(const std::filesystem::path& file) const noexcept {
  struct stat locked {};
  struct stat named {};
  return ::fstat(descriptor_, &locked) == 0 && ::stat(file.c_str(), &named) == 0 &&
         locked.st_dev == named.st_dev && locked.st_ino == named.st_ino;
}

}  // namespace vlm
