#include "cli/data_root.h"

#include <cstdlib>
#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace vlm {
namespace {

using testing::HasSubstr;

// Sets VLM_MERGE_HOME and removes it at the end.
class DataRoot : public testing::Test {
 protected:
  ~DataRoot() override { ::unsetenv("VLM_MERGE_HOME"); }  // NOLINT(concurrency-mt-unsafe)
  DataRoot() = default;
  DataRoot(const DataRoot&) = delete;
  DataRoot& operator=(const DataRoot&) = delete;
  DataRoot(DataRoot&&) = delete;
  DataRoot& operator=(DataRoot&&) = delete;

  static void set_home(const std::string& home) {
    ::setenv("VLM_MERGE_HOME", home.c_str(), 1);  // NOLINT(concurrency-mt-unsafe): one thread
  }
};

TEST_F(DataRoot, IsTheFolderTheEnvironmentNames) {
  set_home(VLM_PROJECT_DIR);
  EXPECT_EQ(find_data_root(), VLM_PROJECT_DIR);
  EXPECT_EQ(bundled_vision_language_model(),
            std::filesystem::path(VLM_PROJECT_DIR) / "zoo/models/evo-vlm");
}

TEST_F(DataRoot, FolderWithoutModelsIsRefusedByName) {
  set_home("/proc");
  try {
    find_data_root();
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNotFound);
    EXPECT_THAT(error.what(), HasSubstr("VLM_MERGE_HOME: /proc"));
  }
}

TEST_F(DataRoot, IsTheCurrentFolderIfItHoldsTheData) {
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(VLM_PROJECT_DIR);
  const std::filesystem::path found = find_data_root();
  std::filesystem::current_path(before);
  EXPECT_TRUE(std::filesystem::equivalent(found, VLM_PROJECT_DIR));
}

}  // namespace
}  // namespace vlm
