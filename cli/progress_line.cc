#include "cli/progress_line.h"

#include <array>
#include <cmath>
#include <cstdio>

#include <unistd.h>

namespace vlm {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string bar(std::size_t done, std::size_t total) {
  constexpr std::size_t kWidth = 24;
  const std::size_t filled = total == 0 ? 0 : kWidth * done / total;
  return "[" + std::string(filled, '#') + std::string(kWidth - filled, '.') + "]";
}

}  // namespace

std::string clock_text(double seconds) {
  const auto whole = static_cast<long>(std::lround(seconds));
  std::array<char, 32> buffer{};
  if (whole < 60) {
    std::snprintf(buffer.data(), buffer.size(), "%ld s", whole);
  } else if (whole < 3600) {
    std::snprintf(buffer.data(), buffer.size(), "%ld:%02ld", whole / 60, whole % 60);
  } else {
    std::snprintf(buffer.data(), buffer.size(), "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60,
                  whole % 60);
  }
  return buffer.data();
}

ProgressLine::ProgressLine(bool quiet)
    : quiet_(quiet), on_terminal_(::isatty(STDERR_FILENO) == 1), stage_start_(Clock::now()) {}

ProgressLine::~ProgressLine() {
  finish();
}

bool ProgressLine::is_due(const ProgressEvent& event) {
  if (event.stage != stage_) {
    finish();
    stage_ = event.stage;
    first_done_ = event.done;
    stage_start_ = Clock::now();
    last_shown_ = stage_start_;
    return true;
  }
  const double interval_seconds = on_terminal_ ? 0.1 : 5.0;
  return event.done == event.total || seconds_since(last_shown_) >= interval_seconds;
}

void ProgressLine::show(const ProgressEvent& event) {
  if (quiet_ || !is_due(event)) return;
  last_shown_ = Clock::now();
  std::string line = event.stage + " ";
  if (event.total > 0) {
    if (on_terminal_) line += bar(event.done, event.total) + " ";
    line += std::to_string(event.done) + "/" + std::to_string(event.total);
  }
  if (!event.detail.empty()) line += "  " + event.detail;
  const double elapsed = seconds_since(stage_start_);
  line += "  after " + clock_text(elapsed);
  if (event.done > first_done_ && event.done < event.total) {
    const auto done = static_cast<double>(event.done - first_done_);
    const auto left = static_cast<double>(event.total - event.done);
    line += ", " + clock_text(elapsed / done * left) + " left";
  }
  std::fprintf(stderr, on_terminal_ ? "\r\x1b[K%s" : "%s\n", line.c_str());
  std::fflush(stderr);
  line_open_ = on_terminal_;
}

void ProgressLine::finish() {
  if (line_open_) std::fputc('\n', stderr);
  line_open_ = false;
}

ProgressCallback ProgressLine::callback() {
  return [this](const ProgressEvent& event) { show(event); };
}

}  // namespace vlm
