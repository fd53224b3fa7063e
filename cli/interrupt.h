#pragma once

// Ctrl-C. Most commands have nothing to lose before their end: SIGINT or SIGTERM ends them at once,
// with a line and exit code 1. Where work can be lost or left half-done, the first signal is a
// polite request to stop at the next safe point, and the second ends the program. Where a program
// only waits for somebody to read a pipe that it has to write, the first one ends that.

#include "core/progress.h"

namespace vlm {

// From now on a signal ends the program at once. Call once, from main.
void catch_interrupts() noexcept;

// From now on the first signal only asks, and the callback, which long work takes, tells so.
StopRequested stop_on_interrupt();

}  // namespace vlm
