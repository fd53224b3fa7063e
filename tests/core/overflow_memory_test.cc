#include "core/overflow_memory.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/checkpoint/temporary_directory.h"

namespace vlm {
namespace {

constexpr std::size_t kMegabyte = 1'000'000;
constexpr std::size_t kAlignment = 64;

// Kilobytes of this process of a kind that /proc tells, such as RssFile (0: not told).
std::size_t resident_kilobytes(const std::string& kind) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(kind + ":")) return std::stoul(line.substr(kind.size() + 1));
  }
  return 0;
}

TEST(OverflowMemory, WhatFitsTheBudgetIsMemoryAndTheRestIsInFiles) {
  const TemporaryDirectory folder;
  constexpr std::size_t kPages = 4096;
  OverflowMemory memory(10 * kPages, folder.path());
  void* first = memory.allocate(6 * kPages, kAlignment);
  EXPECT_EQ(memory.most_file_bytes(), 0U);
  void* second = memory.allocate(6 * kPages + 100, kAlignment);
  EXPECT_EQ(memory.most_file_bytes(), 2 * kPages + 100);
  void* third = memory.allocate(100, kAlignment);
  EXPECT_EQ(memory.most_file_bytes(), 2 * kPages + 200);
  memory.deallocate(first, 6 * kPages, kAlignment);
  void* fourth = memory.allocate(6 * kPages, kAlignment);
  EXPECT_EQ(memory.most_file_bytes(), 2 * kPages + 200);
  memory.deallocate(second, 6 * kPages + 100, kAlignment);
  memory.deallocate(third, 100, kAlignment);
  memory.deallocate(fourth, 6 * kPages, kAlignment);
}

TEST(OverflowMemory, WhatCouldNotBeGivenTakesNothingOfTheBudget) {
  const TemporaryDirectory folder;
  OverflowMemory memory(kMegabyte, folder.path() / "not there");
  for (int i = 0; i < 3; ++i) {
    EXPECT_THROW(static_cast<void>(memory.allocate(2 * kMegabyte, kAlignment)), Error);
  }
  void* taken = memory.allocate(kMegabyte, kAlignment);
  memory.deallocate(taken, kMegabyte, kAlignment);
}

TEST(OverflowMemory, FilesHaveNoNameAndAreGivenBack) {
  const TemporaryDirectory folder;
  OverflowMemory memory(0, folder.path());
  const std::size_t in_files = resident_kilobytes("RssFile") + resident_kilobytes("RssShmem");
  void* taken = memory.allocate(50 * kMegabyte, kAlignment);
  std::memset(taken, 1, 50 * kMegabyte);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  EXPECT_GE(resident_kilobytes("RssFile") + resident_kilobytes("RssShmem"), in_files + 45'000);
  memory.deallocate(taken, 50 * kMegabyte, kAlignment);
  EXPECT_LT(resident_kilobytes("RssFile") + resident_kilobytes("RssShmem"), in_files + 10'000);
}

TEST(OverflowMemory, HoldsWhatSeveralThreadsWrite) {
  const TemporaryDirectory folder;
  OverflowMemory memory(3 * kMegabyte / 2, folder.path());
  std::vector<std::thread> threads;
  std::vector<char> held(8);
  for (std::size_t i = 0; i < held.size(); ++i) {
    threads.emplace_back([&, i] {
      auto* taken = static_cast<unsigned char*>(memory.allocate(kMegabyte, kAlignment));
      std::memset(taken, static_cast<int>(i + 1), kMegabyte);
      held[i] = std::all_of(taken, taken + kMegabyte,
                            [&](unsigned char value) { return value == i + 1; });
      memory.deallocate(taken, kMegabyte, kAlignment);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(held, testing::Each(1));
}

TEST(OverflowMemory, WithoutAddressesThereIsNoMemoryAndNothingIsTaken) {
  const TemporaryDirectory folder;
  OverflowMemory memory(std::numeric_limits<std::size_t>::max(), folder.path());
  EXPECT_THROW(static_cast<void>(memory.allocate(std::size_t{1} << 60U, kAlignment)),
               std::bad_alloc);
  void* const taken = memory.allocate(kMegabyte, kAlignment);
  EXPECT_EQ(memory.most_file_bytes(), 0U);
  memory.deallocate(taken, kMegabyte, kAlignment);
}

TEST(OverflowMemory, AFolderThatIsMissingAndADiskThatIsFullAreErrors) {
  const TemporaryDirectory folder;
  OverflowMemory missing(0, folder.path() / "not there");
  EXPECT_THAT([&] { static_cast<void>(missing.allocate(kMegabyte, kAlignment)); },
              testing::ThrowsMessage<Error>(testing::HasSubstr("not there")));
  OverflowMemory memory(0, folder.path());
  EXPECT_THAT([&] { static_cast<void>(memory.allocate(std::size_t{1} << 43U, kAlignment)); },
              testing::ThrowsMessage<Error>(testing::HasSubstr("no room on the disk")));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace vlm
