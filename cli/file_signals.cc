#include "cli/file_signals.h"

#include <array>
#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

namespace vlm {
namespace {

// Reads a file by lines with nothing but what a signal handler may call.
class SignalSafeLines {
 public:
  explicit SignalSafeLines(const char* path) noexcept
      : descriptor_(::open(path, O_RDONLY | O_CLOEXEC)) {}

  // Without its line break, cut to the length of line_; false at the end.
  bool next() noexcept {
    length_ = 0;
    while (const char* letter = next_letter()) {
      if (*letter == '\n') return true;
      if (length_ < line_.size()) line_[length_++] = *letter;
    }
    return length_ > 0;
  }

  [[nodiscard]] std::string_view line() const noexcept { return {line_.data(), length_}; }

 private:
  const char* next_letter() noexcept {
    if (position_ == end_) {
      const ssize_t size = ::read(descriptor_, buffer_.data(), buffer_.size());
      if (size <= 0) return nullptr;
      position_ = 0;
      end_ = static_cast<std::size_t>(size);
    }
    return &buffer_[position_++];
  }

  int descriptor_;
  std::array<char, 4096> buffer_{};
  std::size_t position_ = 0;
  std::size_t end_ = 0;
  std::array<char, 8192> line_{};
  std::size_t length_ = 0;
};

// Whether a line of /proc/self/maps, "begin-end rights offset device inode path", is of the
// address.
bool holds(std::string_view line, std::uintptr_t address) noexcept {
  constexpr int kHexadecimal = 16;
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  const char* const last = line.data() + line.size();
  const char* dash = std::from_chars(line.data(), last, begin, kHexadecimal).ptr;
  if (dash == last || *dash != '-') return false;
  std::from_chars(dash + 1, last, end, kHexadecimal);
  return begin <= address && address < end;
}

void print(std::string_view text) noexcept {
  static_cast<void>(!::write(STDERR_FILENO, text.data(), text.size()));
}

// Of the file that is mapped to the address.
void print_path(std::uintptr_t address) noexcept {
  SignalSafeLines maps("/proc/self/maps");
  while (maps.next()) {
    if (!holds(maps.line(), address)) continue;
    const std::size_t path = maps.line().find('/');
    if (path != std::string_view::npos) print(maps.line().substr(path));
    return;
  }
}

// Of several threads that read the file the first tells it; the others wait for the end.
extern "C" void end_for_a_lost_page(int /*signal*/, siginfo_t* cause, void* /*context*/) {
  static std::atomic_flag is_told = ATOMIC_FLAG_INIT;
  while (is_told.test_and_set()) ::pause();
  print("vlm-merge: error: file was cut off, or its disk failed, while it was read: ");
  if (cause->si_code > 0) print_path(reinterpret_cast<std::uintptr_t>(cause->si_addr));
  print("\n");
  ::_exit(1);
}

}  // namespace

void catch_file_signals() noexcept {
  static_cast<void>(std::signal(SIGXFSZ, SIG_IGN));
  struct sigaction action {};
  action.sa_sigaction = end_for_a_lost_page;
  action.sa_flags = SA_SIGINFO;
  static_cast<void>(::sigaction(SIGBUS, &action, nullptr));
}

}  // namespace vlm
