#include "cli/interrupt.h"

#include <atomic>
#include <csignal>
#include <string_view>

#include <unistd.h>

namespace vlm {
namespace {

// A signal handler can reach nothing but a global that needs no lock. Threads ask for it.
std::atomic<bool> signal_seen = false;  // NOLINT(*-avoid-non-const-global-variables)
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void end_at_once(int) {
  constexpr std::string_view kMessage = "vlm-merge: error: interrupted\n";
  static_cast<void>(!::write(STDERR_FILENO, kMessage.data(), kMessage.size()));
  ::_exit(1);
}

extern "C" void remember_signal(int) {
  signal_seen = true;
}

// Without SA_RESTART: a call that waits, as open() does for a pipe's reader, fails instead.
void remember_once(int signal_number) {
  struct sigaction action {};
  action.sa_handler = remember_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  static_cast<void>(::sigaction(signal_number, &action, nullptr));
}

}  // namespace

void catch_interrupts() noexcept {
  static_cast<void>(std::signal(SIGINT, end_at_once));
  static_cast<void>(std::signal(SIGTERM, end_at_once));
}

StopRequested stop_on_interrupt() {
  remember_once(SIGINT);
  remember_once(SIGTERM);
  return [] { return signal_seen.load(); };
}

}  // namespace vlm
