#include "core/files.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "core/error.h"
#include "core/mapped_file.h"
#include "core/output_place.h"
#include "tests/error_message.h"

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

TEST_F(Files, ALinkStaysAndItsFileIsReplaced) {
  fs::create_directory(root / "other");
  fs::create_symlink("other/file", root / "link");
  fs::create_symlink("link", root / "link-to-link");
  write_file_atomically(root / "link-to-link", "1");  // the file is not there yet
  write_file_atomically(root / "link", "22");
  EXPECT_TRUE(fs::is_symlink(root / "link"));
  EXPECT_TRUE(fs::is_symlink(root / "link-to-link"));
  EXPECT_EQ(read_text_file(root / "other/file"), "22");
  fs::create_symlink("none/file", root / "dangling");
  EXPECT_EQ(code_of([&] { write_file_atomically(root / "dangling", "1"); }), ErrorCode::kNotFound);
  fs::create_symlink("circle", root / "circle");
  EXPECT_EQ(code_of([&] { write_file_atomically(root / "circle", "1"); }), ErrorCode::kIo);
}

TEST_F(Files, ANamedPipeIsWrittenInto) {
  const fs::path pipe = root / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const std::string content(200'000, 'x');  // more than a pipe holds
  std::string seen;
  std::thread reader([&] {
    std::ifstream in(pipe, std::ios::binary);
    seen.assign(std::istreambuf_iterator<char>(in), {});
  });
  write_file_atomically(pipe, content);
  reader.join();
  EXPECT_EQ(seen, content);
  EXPECT_TRUE(fs::is_fifo(pipe));
  EXPECT_EQ(entries(), 1U);
}

// As a shell's redirection has it: what is written before and behind stays.
TEST_F(Files, WhatADescriptorStandsForIsWrittenIntoWhereItStands) {
  const int descriptor = ::open((root / "x").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_GE(descriptor, 0);
  EXPECT_EQ(::write(descriptor, "before ", 7), 7);
  write_file_atomically("/proc/self/fd/" + std::to_string(descriptor), "it");
  EXPECT_EQ(::write(descriptor, " behind", 7), 7);
  ::close(descriptor);
  EXPECT_EQ(read_text_file(root / "x"), "before it behind");
}

TEST_F(Files, AReaderThatLeavesIsAnErrorAndNothingIsLeftBehind) {
  const fs::path pipe = root / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  std::thread reader([&] {
    std::ifstream in(pipe, std::ios::binary);
    in.get();
  });
  fs::path working;
  EXPECT_THAT(error_message([&] {
                AtomicFile file(pipe);
                working = file.path();
                std::ofstream(working) << std::string(10'000'000, 'x');
                file.commit();
              }),
              HasSubstr("Broken pipe"));
  reader.join();
  EXPECT_FALSE(fs::exists(working.parent_path()));
}

// A device node of its own, so that a bug cannot harm the system's.
TEST_F(Files, ADeviceIsWrittenIntoAndItsErrorsAreReported) {
  constexpr unsigned kMemoryDevices = 1;
  constexpr unsigned kFull = 7;
  const fs::path full = root / "full";
  if (::mknod(full.c_str(), S_IFCHR | 0600, ::makedev(kMemoryDevices, kFull)) != 0) {
    GTEST_SKIP() << "making a device node needs privileges";
  }
  EXPECT_THAT(error_message([&] { write_file_atomically(full, "1"); }), HasSubstr(full.string()));
  EXPECT_TRUE(fs::is_character_file(full));
  EXPECT_EQ(entries(), 1U);
}

TEST_F(Files, ACopyOntoAFullDiskNamesTheReason) {
  const fs::path small = root / "small";
  fs::create_directory(small);
  if (::mount("tmpfs", small.c_str(), "tmpfs", 0, "size=64k") != 0) {
    GTEST_SKIP() << "only root may mount a small file system";
  }
  write_file_atomically(root / "large", std::string(200'000, 'x'));
  EXPECT_THAT(error_message([&] { copy_to_new_file(root / "large", small / "copy"); }),
              HasSubstr("small/copy: No space left on device"));
  EXPECT_EQ(::umount(small.c_str()), 0);
}

TEST_F(Files, ADirectoryIsNoPlaceForAFile) {
  EXPECT_THAT(error_message([&] { output_place(root); }),
              "cannot write file: " + root.string() + ": is a directory");
  EXPECT_EQ(code_of([&] { output_place(root / "none/x"); }), ErrorCode::kNotFound);
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
