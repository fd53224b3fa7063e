#pragma once

// How long work reports on itself and hears that it should stop. Libraries never print.

#include <cstddef>
#include <functional>
#include <string>

namespace vlm {

struct ProgressEvent {
  std::string stage;      // e.g. "merge", "search"
  std::size_t done = 0;   // items finished
  std::size_t total = 0;  // 0: unknown
  std::string detail;     // one short line, e.g. "best 0.853 mean 0.811"
};

// Called from the thread that runs the work, between items. Empty: nobody listens.
using ProgressCallback = std::function<void(const ProgressEvent&)>;

// Asked between items, by any of the threads that do the work, also several at once; true means:
// stop at the next safe point. Empty: never.
using StopRequested = std::function<bool()>;

}  // namespace vlm
