#include "cli/interrupt.h"

#include <csignal>

namespace vlm {
namespace {

// A signal handler can reach nothing but a global of this type.
volatile std::sig_atomic_t signal_seen = 0;  // NOLINT(*-avoid-non-const-global-variables)

extern "C" void remember_signal(int signal_number) {
  signal_seen = 1;
  static_cast<void>(std::signal(signal_number, SIG_DFL));
}

}  // namespace

void catch_interrupts() noexcept {
  static_cast<void>(std::signal(SIGINT, remember_signal));
  static_cast<void>(std::signal(SIGTERM, remember_signal));
}

bool interrupted() noexcept {
  return signal_seen != 0;
}

StopRequested stop_on_interrupt() {
  return interrupted;
}

}  // namespace vlm
