#include "vision/quiet_stderr.h"

#include <fcntl.h>
#include <unistd.h>

namespace vlm {
namespace {

std::mutex& stderr_mutex() {
  static std::mutex mutex;
  return mutex;
}

}  // namespace

QuietStderr::QuietStderr() : lock_(stderr_mutex()) {
  const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (nowhere < 0) return;
  saved_descriptor_ = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
  if (saved_descriptor_ >= 0) dup2(nowhere, STDERR_FILENO);
  close(nowhere);
}

QuietStderr::~QuietStderr() {
  if (saved_descriptor_ < 0) return;
  dup2(saved_descriptor_, STDERR_FILENO);
  close(saved_descriptor_);
}

}  // namespace vlm
