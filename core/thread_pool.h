#pragma once

// A fixed set of threads for loops whose items are independent.

#include <cstddef>
#include <functional>
#include <memory>

#include "core/progress.h"

namespace vlm {

// Runs loops over its threads. Which thread runs an item is not fixed, so an item may only write
// what belongs to it; then results do not depend on the number of threads.
// A loop started from inside a loop of the same pool runs on the calling thread alone.
class ThreadPool {
 public:
  // `num_threads` counts the caller: 1 starts none. 0 takes the processors this process may use.
  explicit ThreadPool(std::size_t num_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ThreadPool(ThreadPool&&) = delete;
  ThreadPool& operator=(ThreadPool&&) = delete;

  [[nodiscard]] std::size_t num_threads() const noexcept;

  // Calls body(i) for each i in [0, count) and waits. The first exception of a body is rethrown
  // here after all started items have ended; items not yet started are then skipped.
  // May be called from one thread at a time.
  void parallel_for(std::size_t count, const std::function<void(std::size_t)>& body);

  // Throws Error{kInterrupted} if a StoppableLoops is there that is asked to stop.
  void check_stop() const;

 private:
  friend class StoppableLoops;
  struct State;
  std::unique_ptr<State> state_;
};

// While it is there, loops of the pool end on a stop request: they call check_stop() before each
// item. One at a time for a pool; what is empty asks for nothing. The message is short: who knows
// what was going on catches the error and says more.
class StoppableLoops {
 public:
  // REQUIRES: no loop runs, then and at the end.
  StoppableLoops(ThreadPool& pool, StopRequested stop_requested);
  ~StoppableLoops();
  StoppableLoops(const StoppableLoops&) = delete;
  StoppableLoops& operator=(const StoppableLoops&) = delete;
  StoppableLoops(StoppableLoops&&) = delete;
  StoppableLoops& operator=(StoppableLoops&&) = delete;

 private:
  ThreadPool& pool_;
};

// The number of processors this process may use, at least 1.
std::size_t available_processors() noexcept;

}  // namespace vlm
