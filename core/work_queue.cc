#include "core/work_queue.h"

#include <utility>

namespace vlm {

WorkQueue::WorkQueue(std::size_t num_threads) {
  for (std::size_t i = 0; i < num_threads; ++i) threads_.emplace_back([this] { run(); });
}

WorkQueue::~WorkQueue() {
  {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void WorkQueue::add(std::function<void()> job) {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return failure_ || waiting_.size() < threads_.size(); });
    if (failure_) std::rethrow_exception(failure_);
    waiting_.push_back(std::move(job));
  }
  changed_.notify_all();
}

void WorkQueue::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return num_running_ == 0 && (failure_ || waiting_.empty()); });
  if (failure_) std::rethrow_exception(failure_);
}

void WorkQueue::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    const auto has_job = [&] { return !failure_ && !waiting_.empty(); };
    changed_.wait(lock, [&] { return is_closed_ || has_job(); });
    if (!has_job()) return;
    std::function<void()> job = std::move(waiting_.front());
    waiting_.pop_front();
    ++num_running_;
    lock.unlock();
    changed_.notify_all();
    std::exception_ptr failure;
    try {
      job();
    } catch (...) {
      failure = std::current_exception();
    }
    job = nullptr;  // what it holds is free before anyone hears of its end
    lock.lock();
    --num_running_;
    if (failure && !failure_) failure_ = failure;
    changed_.notify_all();
  }
}

}  // namespace vlm
