#pragma once

// Keeps what outside code writes to the standard error stream from the user.

#include <mutex>

namespace vlm {

// While an object of this class lives, file descriptor 2 leads nowhere. libpng, libjpeg and OpenCV
// print about damaged images, and OpenCV offers no way to stop the first two. One object lives at a
// time: a second thread waits in the constructor. If the descriptor cannot be moved, nothing
// happens.
class QuietStderr {
 public:
  QuietStderr();
  ~QuietStderr();
  QuietStderr(const QuietStderr&) = delete;
  QuietStderr& operator=(const QuietStderr&) = delete;
  QuietStderr(QuietStderr&&) = delete;
  QuietStderr& operator=(QuietStderr&&) = delete;

 private:
  std::unique_lock<std::mutex> lock_;
  int saved_descriptor_ = -1;
};

}  // namespace vlm
