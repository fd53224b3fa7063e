#pragma once

// Work that mostly waits (for a disk), beside threads that compute.

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace vlm {

// Runs jobs on threads of its own, in the order in which they are added, several at once.
class WorkQueue {
 public:
  explicit WorkQueue(std::size_t num_threads);
  // Waits as wait() does, but without the exception.
  ~WorkQueue();
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;
  WorkQueue(WorkQueue&&) = delete;
  WorkQueue& operator=(WorkQueue&&) = delete;

  // Waits while as many jobs wait as there are threads, so that what they hold stays bounded. Any
  // thread. Both throw the first exception of a job; after one no further job is begun.
  void add(std::function<void()> job);
  // Waits until every job has ended.
  void wait();

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;
  std::size_t num_running_ = 0;
  bool is_closed_ = false;
  std::exception_ptr failure_;
  std::vector<std::thread> threads_;
};

}  // namespace vlm
