#include "cli/interrupt.h"

#include <csignal>
#include <string_view>

#include <unistd.h>

namespace vlm {
namespace {

// A signal handler can reach nothing but a global of this type.
volatile std::sig_atomic_t signal_seen = 0;  // NOLINT(*-avoid-non-const-global-variables)

extern "C" void end_at_once(int) {
  constexpr std::string_view kMessage = "vlm-merge: error: interrupted\n";
  static_cast<void>(!::write(STDERR_FILENO, kMessage.data(), kMessage.size()));
  ::_exit(1);
}

extern "C" void remember_signal(int signal_number) {
  signal_seen = 1;
  static_cast<void>(std::signal(signal_number, SIG_DFL));
}

}  // namespace

void catch_interrupts() noexcept {
  static_cast<void>(std::signal(SIGINT, end_at_once));
  static_cast<void>(std::signal(SIGTERM, end_at_once));
}

StopRequested stop_on_interrupt() {
  static_cast<void>(std::signal(SIGINT, remember_signal));
  static_cast<void>(std::signal(SIGTERM, remember_signal));
  return [] { return signal_seen != 0; };
}

}  // namespace vlm
