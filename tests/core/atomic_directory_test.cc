#include "core/atomic_directory.h"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/error.h"
#include "core/files.h"

namespace vlm {
namespace {

namespace fs = std::filesystem;

class AtomicDirectoryTest : public testing::Test {
 protected:
  AtomicDirectoryTest() { fs::create_directories(root); }
  ~AtomicDirectoryTest() override { fs::remove_all(root); }
  AtomicDirectoryTest(const AtomicDirectoryTest&) = delete;
  AtomicDirectoryTest& operator=(const AtomicDirectoryTest&) = delete;
  AtomicDirectoryTest(AtomicDirectoryTest&&) = delete;
  AtomicDirectoryTest& operator=(AtomicDirectoryTest&&) = delete;

  [[nodiscard]] std::ptrdiff_t entries() const {
    return std::distance(fs::directory_iterator(root), {});
  }
  static std::string refusal(const fs::path& path) {
    try {
      const AtomicDirectory directory(path);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kExists);
      return error.what();
    }
    return "";
  }

  fs::path root = fs::temp_directory_path() / ("vlm_atomic_" + std::to_string(::getpid()));
  fs::path target = root / "out";
};

void add(const AtomicDirectory& directory, const std::string& name) {
  std::ofstream(directory.path() / name) << name;
}

TEST_F(AtomicDirectoryTest, AppearsWholeOrNotAtAll) {
  {
    const AtomicDirectory abandoned(target);
    add(abandoned, "part");
    EXPECT_FALSE(fs::exists(target));
  }
  EXPECT_EQ(entries(), 0);
  AtomicDirectory kept(root / "out/");
  add(kept, "part");
  kept.commit();
  EXPECT_EQ(read_text_file(target / "part"), "part");
  EXPECT_EQ(std::distance(fs::directory_iterator(target), {}), 1) << "no lock is left";
  EXPECT_EQ(entries(), 1);
}

TEST_F(AtomicDirectoryTest, ExistingTargetIsNotReplaced) {
  fs::create_directory(target);
  EXPECT_THAT(refusal(target), testing::HasSubstr("output exists already"));
  EXPECT_EQ(entries(), 1);
}

TEST_F(AtomicDirectoryTest, TargetsThatCannotBeMadeAreToldBefore) {
  const auto told = [](const fs::path& path) -> std::string {
    try {
      AtomicDirectory::check_can_be_made(path);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  write_file_atomically(root / "file", "");
  EXPECT_EQ(told(root / "file"), "output exists already: " + (root / "file").string());
  EXPECT_THAT(told(root / "file/x"), testing::HasSubstr("cannot create directory: "));
  EXPECT_THAT(told("/proc/x"), testing::HasSubstr("cannot create directory: /proc/x: "));
  EXPECT_EQ(told(""), "not the name of a new directory: ''");
  EXPECT_EQ(told(root / "a/b/c"), "");
  EXPECT_FALSE(fs::exists(root / "a"));
  EXPECT_EQ(entries(), 1) << "only the file";
}

TEST_F(AtomicDirectoryTest, TargetThatAppearsMeanwhileIsNotReplaced) {
  AtomicDirectory directory(target);
  add(directory, "part");
  fs::create_directory(target);
  EXPECT_THROW(directory.commit(), Error);
  EXPECT_TRUE(fs::is_empty(target));
}

TEST_F(AtomicDirectoryTest, OneOwnerAtATime) {
  {
    const AtomicDirectory first(target);
    add(first, "part");
    EXPECT_THAT(refusal(target), testing::HasSubstr("is being written by another process: "));
    EXPECT_TRUE(fs::exists(first.path() / "part"));
    const AtomicDirectory other(root / "outer");
  }
  EXPECT_EQ(refusal(target), "");
}

// Leaves its work as kill -9 does.
void die_while_writing(const fs::path& path) {
  const pid_t child = ::fork();
  if (child == 0) {
    const AtomicDirectory directory(path);
    add(directory, "part");
    ::raise(SIGKILL);
  }
  ::waitpid(child, nullptr, 0);
}

TEST_F(AtomicDirectoryTest, WorkOfAKilledProcessIsRemovedOrTakenOver) {
  die_while_writing(target);
  EXPECT_EQ(entries(), 1);
  {
    AtomicDirectory heir(target, UnfinishedWork::kKeep);
    EXPECT_TRUE(fs::exists(heir.path() / "part"));
    add(heir, "more");
  }
  EXPECT_EQ(entries(), 1) << "kept once more";
  {
    AtomicDirectory heir(target, UnfinishedWork::kKeep);
    heir.clear({"more"});
    EXPECT_FALSE(fs::exists(heir.path() / "part"));
    EXPECT_TRUE(fs::exists(heir.path() / "more"));
  }
  {
    const AtomicDirectory fresh(target);
    EXPECT_FALSE(fs::exists(fresh.path() / "more"));
  }
  EXPECT_EQ(entries(), 0);
}

TEST_F(AtomicDirectoryTest, NothingIsKeptOfNothing) {
  { const AtomicDirectory directory(target, UnfinishedWork::kKeep); }
  EXPECT_EQ(entries(), 0);
}

}  // namespace
}  // namespace vlm
