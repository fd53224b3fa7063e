#include "core/output_place.h"

#include <filesystem>
#include <string>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/error.h"
#include "core/files.h"

namespace vlm {
namespace {

namespace fs = std::filesystem;

class OutputPlaceTest : public testing::Test {
 protected:
  OutputPlaceTest() { fs::create_directories(root); }
  ~OutputPlaceTest() override { fs::remove_all(root); }
  OutputPlaceTest(const OutputPlaceTest&) = delete;
  OutputPlaceTest& operator=(const OutputPlaceTest&) = delete;
  OutputPlaceTest(OutputPlaceTest&&) = delete;
  OutputPlaceTest& operator=(OutputPlaceTest&&) = delete;

  static std::string refusal(const fs::path& named, ErrorCode code = ErrorCode::kIo) {
    try {
      output_place(named);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code);
      return error.what();
    }
    return "";
  }
  static void expect_file(const fs::path& named, const fs::path& place) {
    const OutputPlace found = output_place(named);
    EXPECT_EQ(found.kind, OutputKind::kFile) << named;
    EXPECT_EQ(fs::weakly_canonical(found.path), fs::weakly_canonical(place)) << named;
  }

  fs::path root = fs::path(testing::TempDir()) / ("output_place" + std::to_string(::getpid()));
};

TEST_F(OutputPlaceTest, AFileOrAFreeNameIsItsOwnPlace) {
  write_file_atomically(root / "there", "x");
  expect_file(root / "there", root / "there");
  expect_file(root / "free", root / "free");
  EXPECT_FALSE(fs::exists(root / "free")) << "nothing is created";
}

TEST_F(OutputPlaceTest, ANameWithoutDirectoryIsInTheCurrentOne) {
  expect_file("a_name_that_is_free", "a_name_that_is_free");
}

TEST_F(OutputPlaceTest, LinksLeadToWhereTheyPoint) {
  fs::create_directories(root / "elsewhere");
  write_file_atomically(root / "elsewhere/file", "x");
  fs::create_symlink("elsewhere/file", root / "link");
  fs::create_symlink("link", root / "link_to_link");
  expect_file(root / "link_to_link", root / "elsewhere/file");
}

TEST_F(OutputPlaceTest, ALinkToAFreeNameLeadsThere) {
  fs::create_directories(root / "elsewhere");
  fs::create_symlink(root / "elsewhere/new", root / "link");
  expect_file(root / "link", root / "elsewhere/new");
}

TEST_F(OutputPlaceTest, DevicesAndPipesAreWrittenInto) {
  EXPECT_EQ(output_place("/dev/null").kind, OutputKind::kStream);
  ASSERT_EQ(::mkfifo((root / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(output_place(root / "pipe").kind, OutputKind::kStream);
  fs::create_symlink("pipe", root / "link");
  EXPECT_EQ(output_place(root / "link").kind, OutputKind::kStream);
}

// Whoever opened the file goes on using it.
TEST_F(OutputPlaceTest, ADescriptorIsWrittenIntoEvenIfItIsAFile) {
  write_file_atomically(root / "file", "x");
  const int descriptor = ::open((root / "file").c_str(), O_WRONLY);
  ASSERT_GE(descriptor, 0);
  EXPECT_EQ(output_place("/dev/fd/" + std::to_string(descriptor)).kind, OutputKind::kStream);
  EXPECT_EQ(output_place("/proc/self/fd/" + std::to_string(descriptor)).kind, OutputKind::kStream);
  ::close(descriptor);
}

TEST_F(OutputPlaceTest, WhatCannotHoldAResultIsRefused) {
  EXPECT_THAT(refusal(root), testing::HasSubstr("is a directory"));
  const int server = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = (root / "s").string();
  ASSERT_LT(name.size(), sizeof(address.sun_path));
  name.copy(address.sun_path, name.size());
  auto* const generic = reinterpret_cast<sockaddr*>(&address);  // NOLINT(*-reinterpret-cast)
  ASSERT_EQ(::bind(server, generic, sizeof(address)), 0);
  EXPECT_THAT(refusal(root / "s"), testing::HasSubstr("is a socket"));
  ::close(server);
}

TEST_F(OutputPlaceTest, AMissingDirectoryIsToldAsSuch) {
  EXPECT_THAT(refusal(root / "no/file", ErrorCode::kNotFound),
              testing::HasSubstr("no such directory"));
  fs::create_symlink(root / "no/file", root / "link");
  EXPECT_THAT(refusal(root / "link", ErrorCode::kNotFound),
              testing::HasSubstr((root / "no/file").string()));
}

TEST_F(OutputPlaceTest, ADirectoryThatMayNotBeWrittenIsToldBeforeTheWork) {
  write_file_atomically(root / "file", "x");
  fs::permissions(root, fs::perms(0555));
  constexpr uid_t kNobody = 65534;
  const uid_t user = ::geteuid();
  ASSERT_EQ(::seteuid(user == 0 ? kNobody : user), 0);  // root may write everywhere
  const std::string free = refusal(root / "free");
  const std::string there = refusal(root / "file");
  ASSERT_EQ(::seteuid(user), 0);
  fs::permissions(root, fs::perms(0755));
  EXPECT_THAT(free, testing::HasSubstr("free: no file can be made in its directory: Permission"));
  EXPECT_THAT(there, testing::HasSubstr("Permission denied")) << "it would be replaced as a whole";
}

TEST_F(OutputPlaceTest, LinksInACircleAreRefused) {
  fs::create_symlink("b", root / "a");
  fs::create_symlink("a", root / "b");
  EXPECT_NE(refusal(root / "a"), "");
}

}  // namespace
}  // namespace vlm
