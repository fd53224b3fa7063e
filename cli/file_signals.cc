#include "cli/file_signals.h"

#include <csignal>
#include <string_view>

#include <unistd.h>

namespace vlm {
namespace {

extern "C" void end_for_a_lost_page(int) {
  constexpr std::string_view kMessage =
      "vlm-merge: error: cannot read a model file: it was cut off, or its disk failed, while it "
      "was "
      "in use\n";
  static_cast<void>(!::write(STDERR_FILENO, kMessage.data(), kMessage.size()));
  ::_exit(1);
}

}  // namespace

void catch_file_signals() noexcept {
  static_cast<void>(std::signal(SIGXFSZ, SIG_IGN));
  static_cast<void>(std::signal(SIGBUS, end_for_a_lost_page));
}

}  // namespace vlm
