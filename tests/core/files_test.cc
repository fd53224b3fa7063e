#include "core/files.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
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
