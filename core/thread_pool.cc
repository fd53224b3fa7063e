#include "core/thread_pool.h"

#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <sched.h>

#include "core/error.h"

namespace vlm {
namespace {

// Polls before a thread goes to sleep: tens of microseconds, the distance between the loops of a
// small model, where being woken would take longer than the loop.
constexpr int kPolls = 2000;

void pause_processor() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// Whether `done` holds before the polls are used up.
template <typename Condition>
bool poll(const Condition& done) noexcept {
  for (int i = 0; i < kPolls; ++i) {
    if (done()) return true;
    pause_processor();
  }
  return false;
}

}  // namespace

// One loop at a time: `generation` counts loops, so that a worker joins each loop at most once. A
// worker that comes late finds the loop closed; nobody waits for it.
struct ThreadPool::State {
  std::mutex mutex;
  std::condition_variable work_ready;
  std::condition_variable work_done;
  std::vector<std::thread> workers;
  const std::function<void(std::size_t)>* body = nullptr;
  std::size_t count = 0;
  std::atomic<std::size_t> next{0};
  std::atomic<std::size_t> busy_workers{0};  // changed under the mutex, as the two below
  std::atomic<std::size_t> generation{0};
  std::atomic<bool> stopping{false};
  bool open = false;
  std::exception_ptr failure;
  std::atomic<bool> in_loop{false};
  StopRequested stop_requested;

  void check_stop() const {
    if (!stop_requested || !stop_requested()) return;
    throw Error(ErrorCode::kInterrupted, "stopped");
  }

  void run_item(std::size_t i, const std::function<void(std::size_t)>& run) const {
    check_stop();
    run(i);
  }

  void run_items() {
    for (std::size_t i = next++; i < count; i = next++) {
      try {
        run_item(i, *body);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
        next = count;
      }
    }
  }

  void work() {
    std::size_t seen = 0;
    const auto news = [&] { return stopping || generation != seen; };
    while (true) {
      poll(news);
      std::unique_lock lock(mutex);
      work_ready.wait(lock, news);
      if (stopping) return;
      seen = generation;
      if (!open) continue;
      ++busy_workers;
      lock.unlock();
      run_items();
      lock.lock();
      if (--busy_workers == 0) work_done.notify_one();
    }
  }

  void close() {
    std::unique_lock lock(mutex);
    open = false;
    const auto all_done = [&] { return busy_workers == 0; };
    lock.unlock();
    poll(all_done);
    lock.lock();
    work_done.wait(lock, all_done);
  }
};

std::size_t available_processors() noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
  const int count = CPU_COUNT(&set);
  return count > 0 ? static_cast<std::size_t>(count) : 1;
}

ThreadPool::ThreadPool(std::size_t num_threads) : state_(std::make_unique<State>()) {
  const std::size_t wanted = num_threads == 0 ? available_processors() : num_threads;
  for (std::size_t i = 1; i < wanted; ++i) {
    state_->workers.emplace_back([state = state_.get()] { state->work(); });
  }
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->work_ready.notify_all();
  for (std::thread& worker : state_->workers) worker.join();
}

std::size_t ThreadPool::num_threads() const noexcept {
  return state_->workers.size() + 1;
}

void ThreadPool::parallel_for(std::size_t count, const std::function<void(std::size_t)>& body) {
  State& state = *state_;
  if (count <= 1 || state.workers.empty() || state.in_loop.exchange(true)) {
    for (std::size_t i = 0; i < count; ++i) state.run_item(i, body);
    return;
  }
  {
    const std::lock_guard lock(state.mutex);
    state.body = &body;
    state.count = count;
    state.next = 0;
    state.failure = nullptr;
    state.open = true;
    ++state.generation;
  }
  state.work_ready.notify_all();
  state.run_items();
  state.close();
  state.in_loop = false;
  if (state.failure) std::rethrow_exception(state.failure);
}

void ThreadPool::check_stop() const {
  state_->check_stop();
}

StoppableLoops::StoppableLoops(ThreadPool& pool, StopRequested stop_requested) : pool_(pool) {
  pool.state_->stop_requested = std::move(stop_requested);
}

StoppableLoops::~StoppableLoops() {
  pool_.state_->stop_requested = nullptr;
}

}  // namespace vlm
