#include "core/work_queue.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>

#include <gtest/gtest.h>

namespace vlm {
namespace {

TEST(WorkQueue, RunsEachJobOnceBeforeWaitEnds) {
  for (const std::size_t num_threads : {1U, 4U}) {
    std::vector<std::atomic<int>> runs(100);
    WorkQueue queue(num_threads);
    for (auto& run : runs) queue.add([&run] { ++run; });
    queue.wait();
    for (const auto& run : runs) EXPECT_EQ(run, 1);
    queue.add([&] { ++runs.front(); });
    queue.wait();
    EXPECT_EQ(runs.front(), 2);
  }
}

TEST(WorkQueue, HoldsNoMoreJobsThanRunAndWait) {
  constexpr int kThreads = 2;
  std::atomic<int> held = 0;
  std::atomic<int> most = 0;
  WorkQueue queue(kThreads);
  for (int i = 0; i < 50; ++i) {
    const auto token = std::shared_ptr<int>(new int(0), [&held](const int* value) {
      --held;
      delete value;
    });
    ++held;
    queue.add([token, &held, &most] {
      const int now = held;
      for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) continue;
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    });
  }
  queue.wait();
  EXPECT_EQ(held, 0) << "what jobs hold is free when wait() ends";
  EXPECT_LE(most, 2 * kThreads + 1) << "and the one that add() has not taken yet";
}

TEST(WorkQueue, ThrowsTheFirstFailureAndBeginsNothingMore) {
  WorkQueue queue(1);
  std::atomic<int> begun = 0;
  queue.add([] { throw std::runtime_error("disk"); });
  const auto add_many = [&] {
    for (int i = 0; i < 10; ++i) queue.add([&begun] { ++begun; });
  };
  EXPECT_THROW(add_many(), std::runtime_error);
  EXPECT_THROW(queue.wait(), std::runtime_error);
  EXPECT_EQ(begun, 0);
}

TEST(WorkQueue, FinishesWhatWasAddedBeforeItEnds) {
  std::atomic<int> runs = 0;
  {
    WorkQueue queue(2);
    for (int i = 0; i < 20; ++i) queue.add([&runs] { ++runs; });
  }
  EXPECT_EQ(runs, 20);
}

}  // namespace
}  // namespace vlm
