#include "core/files.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/error.h"
#include "core/mapped_file.h"

namespace vlm {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class Files : public ::testing::Test {
 protected:
  Files() { fs::create_directories(root); }
  ~Files() override { fs::remove_all(root); }
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;
  Files(Files&&) = delete;
  Files& operator=(Files&&) = delete;

  [[nodiscard]] std::size_t entries() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(root), fs::directory_iterator()));
  }

  fs::path root =
      fs::temp_directory_path() / ("vlm_files_" + std::to_string(::getpid()) + "_" +
                                   ::testing::UnitTest::GetInstance()->current_test_info()->name());
};

template <typename Action>
ErrorCode code_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "no error";
  return ErrorCode::kInterrupted;
}

TEST_F(Files, ReadsWhatWasWritten) {
  const std::string content("a\0b\n", 4);
  write_file_atomically(root / "x", content);
  EXPECT_EQ(read_text_file(root / "x"), content);
  write_file_atomically(root / "x", "");
  EXPECT_EQ(read_text_file(root / "x"), "");
  EXPECT_EQ(entries(), 1U);  // no temporary file is left
}

TEST_F(Files, ReadingRefusesMissingAndLargeFilesAndDirectories) {
  EXPECT_EQ(code_of([&] { read_text_file(root / "none"); }), ErrorCode::kNotFound);
  write_file_atomically(root / "x", "12345");
  EXPECT_EQ(code_of([&] { read_text_file(root / "x", 4); }), ErrorCode::kCorruptFile);
  EXPECT_THROW(read_text_file(root), Error);
}

TEST_F(Files, FailedWriteLeavesNothing) {
  EXPECT_EQ(code_of([&] { write_file_atomically(root / "no/such/x", "1"); }), ErrorCode::kNotFound);
  fs::create_directory(root / "taken");
  fs::create_directory(root / "taken/inside");
  EXPECT_EQ(code_of([&] { write_file_atomically(root / "taken", "1"); }), ErrorCode::kIo);
  EXPECT_EQ(entries(), 1U);
}

TEST_F(Files, DirectoryAppearsWholeOrNotAtAll) {
  {
    const AtomicDirectory abandoned(root / "out");
    std::ofstream(abandoned.path() / "part") << "1";
    EXPECT_FALSE(fs::exists(root / "out"));
  }
  EXPECT_EQ(entries(), 0U);
  AtomicDirectory kept(root / "out");
  std::ofstream(kept.path() / "part") << "1";
  kept.commit();
  EXPECT_EQ(read_text_file(root / "out/part"), "1");
  EXPECT_EQ(entries(), 1U);
}

TEST_F(Files, ExistingDirectoryIsNotReplaced) {
  fs::create_directory(root / "out");
  EXPECT_EQ(code_of([&] { const AtomicDirectory again(root / "out"); }), ErrorCode::kExists);
}

// A process id that was just in use and no longer is.
pid_t dead_process() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ::waitpid(child, nullptr, 0);
  return child;
}

TEST_F(Files, LeftoversOfDeadProcessesAreRemovedOthersAreKept) {
  const fs::path dead = root / (".out.tmp-" + std::to_string(dead_process()));
  const fs::path alive = root / (".out.tmp-" + std::to_string(::getppid()));
  const fs::path other_target = root / (".outer.tmp-" + std::to_string(dead_process()));
  const fs::path other_name = root / ".out.tmp-notes";
  for (const fs::path& folder : {dead, alive, other_target, other_name}) {
    fs::create_directory(folder);
    write_file_atomically(folder / "part", "1");
  }
  AtomicDirectory(root / "out/").commit();
  EXPECT_FALSE(fs::exists(dead));
  EXPECT_TRUE(fs::exists(alive / "part"));
  EXPECT_TRUE(fs::exists(other_target / "part"));
  EXPECT_TRUE(fs::exists(other_name / "part"));
  EXPECT_TRUE(fs::exists(root / "out"));
}

TEST_F(Files, MappedFileShowsTheBytes) {
  write_file_atomically(root / "x", "abc");
  MappedFile file(root / "x");
  const MappedFile moved = std::move(file);
  ASSERT_EQ(moved.bytes().size(), 3U);
  EXPECT_EQ(static_cast<char>(moved.bytes()[1]), 'b');
  write_file_atomically(root / "empty", "");
  EXPECT_TRUE(MappedFile(root / "empty").bytes().empty());
  EXPECT_EQ(code_of([&] { const MappedFile none(root / "none"); }), ErrorCode::kNotFound);
  EXPECT_THROW(const MappedFile directory(root), Error);
}

}  // namespace
}  // namespace vlm
