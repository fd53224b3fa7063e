#pragma once

// Ctrl-C as a polite request: the first SIGINT or SIGTERM asks running work to stop at its next
// safe point, the second ends the program at once.

#include "core/progress.h"

namespace vlm {

// Installs the handlers. Call once, from main.
void catch_interrupts() noexcept;

// True after the first signal.
bool interrupted() noexcept;

// interrupted() as the callback that long work takes.
StopRequested stop_on_interrupt();

}  // namespace vlm
