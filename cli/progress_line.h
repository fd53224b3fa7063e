#pragma once

// Progress on standard error: one line rewritten in place on a terminal, plain lines otherwise.

#include <chrono>
#include <string>

#include "core/progress.h"

namespace vlm {

class ProgressLine {
 public:
  // `quiet` prints nothing.
  explicit ProgressLine(bool quiet);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  ProgressLine(ProgressLine&&) = delete;
  ProgressLine& operator=(ProgressLine&&) = delete;

  // Shows stage, share done, detail, elapsed time and the time left at the present rate.
  void show(const ProgressEvent& event);
  // Ends the line, so that other output starts on a fresh one.
  void finish();
  [[nodiscard]] ProgressCallback callback();

 private:
  [[nodiscard]] bool is_due(const ProgressEvent& event);

  bool quiet_;
  bool on_terminal_;
  bool line_open_ = false;
  std::string stage_;
  std::size_t first_done_ = 0;  // items done when the stage was first shown (a resumed run)
  std::chrono::steady_clock::time_point stage_start_;
  std::chrono::steady_clock::time_point last_shown_;
};

// "1:02:03", "2:03" (minutes) or "4 s".
std::string clock_text(double seconds);

}  // namespace vlm
