#include "search/study_lock.h"

#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/search/study_store_fixture.h"

namespace vlm {
namespace {

using StudyLockTest = StudyStoreTest;

TEST_F(StudyLockTest, KeepsASecondSearchOfTheStudyOut) {
  const StudyStore store = create();
  std::optional<StudyLock> lock(std::in_place, file, store.id());
  const auto [code, message] = refusal([&] { return StudyLock(file, store.id()); });
  EXPECT_EQ(code, ErrorCode::kIo);
  EXPECT_THAT(message, testing::HasSubstr("study is in use: " + file.string()));
  const StudyLock other_study(file, store.id() + 1);
  lock.reset();
  const StudyLock again(file, store.id());
}

TEST_F(StudyLockTest, OutlivesTheStoresThatOpenAndCloseTheFile) {
  const std::int64_t id = create().id();
  const StudyLock lock(file, id);
  {
    StudyStore store = open();
    ASSERT_TRUE(store.ask_generation(generation(0), space(), two_points()));
  }
  EXPECT_EQ(refusal([&] { return StudyLock(file, id); }).first, ErrorCode::kIo);
}

TEST_F(StudyLockTest, EndsWithItsProcess) {
  const std::int64_t id = create().id();
  int locked[2];
  ASSERT_EQ(pipe(locked), 0);
  const pid_t child = fork();
  if (child == 0) {
    const StudyLock lock(file, id);
    if (write(locked[1], "x", 1) != 1) _exit(1);
    pause();
  }
  char byte = 0;
  ASSERT_EQ(read(locked[0], &byte, 1), 1);
  EXPECT_EQ(refusal([&] { return StudyLock(file, id); }).first, ErrorCode::kIo);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  const StudyLock lock(file, id);
}

TEST_F(StudyLockTest, MissingFileIsAnError) {
  const auto [code, message] = refusal([&] { return StudyLock(file, 1); });
  EXPECT_EQ(code, ErrorCode::kNotFound);
  EXPECT_THAT(message, testing::HasSubstr(file.string()));
}

}  // namespace
}  // namespace vlm
