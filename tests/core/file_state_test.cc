#include "core/file_state.h"

#include <filesystem>
#include <functional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "core/error.h"
#include "core/files.h"

namespace vlm {
namespace {

namespace fs = std::filesystem;

class FileStateTest : public testing::Test {
 protected:
  FileStateTest() {
    fs::create_directories(root);
    write_file_atomically(file, "abc");
  }
  ~FileStateTest() override { fs::remove_all(root); }
  FileStateTest(const FileStateTest&) = delete;
  FileStateTest& operator=(const FileStateTest&) = delete;
  FileStateTest(FileStateTest&&) = delete;
  FileStateTest& operator=(FileStateTest&&) = delete;

  // What is said after `change`; "" if the file counts as unchanged.
  [[nodiscard]] std::string complaint(const std::function<void()>& change) const {
    const FileState before = file_state(file);
    change();
    try {
      check_unchanged(before);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  fs::path root = fs::temp_directory_path() / ("vlm_file_state_" + std::to_string(::getpid()));
  fs::path file = root / "x";
};

TEST_F(FileStateTest, SameFileIsUnchanged) {
  EXPECT_EQ(complaint([] {}), "");
  EXPECT_EQ(file_state(file).size_bytes, 3U);
  EXPECT_EQ(file_state(file).path, file.string());
}

TEST_F(FileStateTest, SizeTimeAndIdentityCount) {
  EXPECT_THAT(complaint([&] { fs::resize_file(file, 2); }),
              testing::HasSubstr("x: 3 bytes before, 2 now"));
  EXPECT_THAT(complaint([&] {
                fs::last_write_time(file, fs::last_write_time(file) + std::chrono::seconds(1));
              }),
              testing::HasSubstr("written to, or replaced"));
  const auto time = fs::last_write_time(file);
  EXPECT_THAT(complaint([&] {
                write_file_atomically(root / "y", "zz");
                fs::rename(root / "y", file);
                fs::last_write_time(file, time);
              }),
              testing::HasSubstr("replaced by another file"));
  EXPECT_THAT(complaint([&] { fs::remove(file); }), testing::HasSubstr("cannot read file status"));
}

}  // namespace
}  // namespace vlm
