#include "checkpoint/disk_room.h"

#include <cstdint>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/atomic_directory.h"
#include "core/error.h"
#include "core/files.h"
#include "tests/checkpoint/temporary_directory.h"

namespace vlm {
namespace {

constexpr std::uint64_t kMoreThanAnyDisk = std::uint64_t{1} << 60U;

TEST(DiskRoom, WhatFitsPasses) {
  const TemporaryDirectory folder;
  EXPECT_NO_THROW(check_room(folder.path() / "not/yet/made", {{"model.safetensors", 1000}}));
}

TEST(DiskRoom, TellsWhatIsNeededAndWhere) {
  const TemporaryDirectory folder;
  try {
    check_room(folder.path() / "out", {{"a", kMoreThanAnyDisk}, {"b", 5}}, 7);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kIo);
    EXPECT_THAT(error.what(), testing::HasSubstr("no room on the disk: " + folder.path().string() +
                                                 ": " + std::to_string(kMoreThanAnyDisk + 5) +
                                                 " bytes to write and 7 meanwhile, "));
  }
}

TEST(DiskRoom, WhatAnEarlierRunWroteIsThere) {
  const TemporaryDirectory folder;
  const std::filesystem::path target = folder.path() / "out";
  const std::filesystem::path work = AtomicDirectory::working_directory(target);
  std::filesystem::create_directories(work);
  write_file_atomically(work / "a", std::string(100'000, 'x'));
  const std::uint64_t there = allocated_bytes(work / "a");
  ASSERT_GE(there, 100'000U);
  try {
    check_room(target, {{"a", kMoreThanAnyDisk}});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr(std::to_string(kMoreThanAnyDisk - there)));
  }
}

}  // namespace
}  // namespace vlm
