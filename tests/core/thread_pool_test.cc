#include "core/thread_pool.h"

#include <atomic>
#include <cstddef>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

#include "core/error.h"

namespace vlm {
namespace {

TEST(ThreadPool, RunsEveryItemOnce) {
  for (const std::size_t threads : {1U, 2U, 5U}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.num_threads(), threads);
    std::vector<int> runs(1000);
    pool.parallel_for(runs.size(), [&](std::size_t i) { ++runs[i]; });
    EXPECT_EQ(runs, std::vector<int>(1000, 1));
    pool.parallel_for(0, [](std::size_t) { FAIL(); });
  }
}

TEST(ThreadPool, ManyShortLoopsFollowOneAnother) {
  ThreadPool pool(3);
  std::atomic<int> sum{0};
  for (int loop = 0; loop < 2000; ++loop) {
    pool.parallel_for(4, [&](std::size_t) { ++sum; });
  }
  EXPECT_EQ(sum, 8000);
}

TEST(ThreadPool, LoopInsideALoopRunsInline) {
  ThreadPool pool(3);
  std::vector<int> runs(64);
  pool.parallel_for(8, [&](std::size_t outer) {
    pool.parallel_for(8, [&](std::size_t inner) { ++runs[outer * 8 + inner]; });
  });
  EXPECT_EQ(runs, std::vector<int>(64, 1));
}

TEST(ThreadPool, StoppableLoopsEndWhenAsked) {
  for (const std::size_t threads : {1U, 3U}) {
    ThreadPool pool(threads);
    std::atomic<int> runs{0};
    const auto count = [&](std::size_t) { ++runs; };
    {
      const StoppableLoops stoppable(pool, [&] { return runs >= 5; });
      pool.parallel_for(5, count);
      EXPECT_THROW(pool.parallel_for(1, count), Error);
      EXPECT_THROW(pool.parallel_for(1000, count), Error);
      EXPECT_EQ(runs, 5);
    }
    pool.parallel_for(10, count);
    EXPECT_EQ(runs, 15);
  }
}

TEST(ThreadPool, StoppableLoopsEndInsideOfLoops) {
  for (const std::size_t threads : {1U, 3U}) {
    ThreadPool pool(threads);
    std::atomic<int> runs{0};
    const StoppableLoops stoppable(pool, [&] { return runs >= 5; });
    const auto count_to_a_million = [&](std::size_t) {
      pool.parallel_for(1000000, [&](std::size_t) { ++runs; });
    };
    EXPECT_THROW(pool.parallel_for(3, count_to_a_million), Error);
    EXPECT_LE(runs, 5 + 3);
  }
}

TEST(ThreadPool, FirstExceptionComesBackAndThePoolLives) {
  ThreadPool pool(3);
  for (int repeat = 0; repeat < 20; ++repeat) {
    EXPECT_THROW(pool.parallel_for(100,
                                   [](std::size_t i) {
                                     if (i % 7 == 3) throw std::runtime_error("item");
                                   }),
                 std::runtime_error);
  }
  std::atomic<int> sum{0};
  pool.parallel_for(10, [&](std::size_t) { ++sum; });
  EXPECT_EQ(sum, 10);
}

TEST(ThreadPool, ExceptionOfAnInlineLoopDoesNotBlockLaterLoops) {
  ThreadPool pool(2);
  EXPECT_THROW(pool.parallel_for(4,
                                 [&](std::size_t) {
                                   pool.parallel_for(
                                       3, [](std::size_t) { throw std::runtime_error("inner"); });
                                 }),
               std::runtime_error);
  std::atomic<int> sum{0};
  pool.parallel_for(10, [&](std::size_t) { ++sum; });
  EXPECT_EQ(sum, 10);
}

TEST(ThreadPool, ZeroTakesTheProcessorsOfThisProcess) {
  EXPECT_EQ(ThreadPool(0).num_threads(), available_processors());
  EXPECT_GE(available_processors(), 1U);
}

}  // namespace
}  // namespace vlm
