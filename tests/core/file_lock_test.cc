#include "core/file_lock.h"

#include <filesystem>
#include <optional>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "core/error.h"

namespace vlm {
namespace {

namespace fs = std::filesystem;

TEST(FileLock, HasOneHolderForEachByteAndEndsWithIt) {
  const fs::path file = fs::temp_directory_path() / ("vlm_file_lock_" + std::to_string(::getpid()));
  {
    std::optional<FileLock> lock = FileLock::try_lock(file, FileLock::Missing::kCreate, 3);
    ASSERT_TRUE(lock);
    EXPECT_FALSE(FileLock::try_lock(file, FileLock::Missing::kCreate, 3));
    EXPECT_TRUE(FileLock::try_lock(file, FileLock::Missing::kCreate, 4));
    const FileLock moved = std::move(*lock);
    lock.reset();
    EXPECT_FALSE(FileLock::try_lock(file, FileLock::Missing::kCreate, 3));
    EXPECT_TRUE(moved.is_of(file));
    fs::remove(file);
    EXPECT_FALSE(moved.is_of(file));
    EXPECT_TRUE(FileLock::try_lock(file, FileLock::Missing::kCreate, 3))
        << "a new file of that name is another one";
    EXPECT_FALSE(moved.is_of(file));
  }
  EXPECT_TRUE(FileLock::try_lock(file, FileLock::Missing::kCreate, 3));
  fs::remove(file);
  EXPECT_THROW(FileLock::try_lock(file / "none", FileLock::Missing::kCreate), Error);
}

TEST(FileLock, AMissingFileCanBeRefused) {
  const fs::path file = fs::temp_directory_path() / ("vlm_no_file_" + std::to_string(::getpid()));
  EXPECT_THROW(FileLock::try_lock(file, FileLock::Missing::kRefuse), Error);
  EXPECT_FALSE(fs::exists(file));
}

}  // namespace
}  // namespace vlm
