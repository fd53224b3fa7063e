#include "checkpoint/model_location.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/checkpoint/made_up_checkpoint.h"
#include "tests/checkpoint/temporary_directory.h"

namespace vlm {
namespace {

using testing::HasSubstr;

class HubCache : public testing::Test {
 protected:
  HubCache() {
    cache.add("models--org--tiny/refs/main", "abc123\n");
    cache.add("models--org--tiny/refs/pr/1", "def456");
    cache.add("models--org--tiny/snapshots/abc123/config.json", "{}");
    cache.add("models--org--tiny/snapshots/def456/config.json", "{}");
    cache.add("models--gpt/refs/main", "abc123");
    cache.add("models--gpt/snapshots/abc123/config.json", "{}");
  }
  [[nodiscard]] std::filesystem::path snapshot(const std::string& commit) const {
    return cache.path() / "models--org--tiny/snapshots" / commit;
  }
  [[nodiscard]] std::filesystem::path resolve(const std::string& model) const {
    return resolve_model_directory(model, cache.path());
  }
  std::string refused(ErrorCode code, const std::string& model) const {
    return error_message(code, [&] { (void)resolve(model); });
  }

  TemporaryDirectory cache;
};

TEST_F(HubCache, ADirectoryWithAConfigIsAModel) {
  const TemporaryDirectory model;
  model.add("config.json", "{}");
  EXPECT_EQ(resolve(model.path().string()), model.path());
}

TEST_F(HubCache, AnIdMeansItsMainRevision) {
  EXPECT_EQ(resolve("org/tiny"), snapshot("abc123"));
  EXPECT_EQ(resolve("gpt"), cache.path() / "models--gpt/snapshots/abc123");
}

TEST_F(HubCache, ARevisionIsABranchOrACommit) {
  EXPECT_EQ(resolve("org/tiny@main"), snapshot("abc123"));
  EXPECT_EQ(resolve("org/tiny@pr/1"), snapshot("def456"));
  EXPECT_EQ(resolve("org/tiny@def456"), snapshot("def456"));
}

TEST_F(HubCache, AModelThatIsNowhereIsToldWithWhatWasTried) {
  const std::string message = refused(ErrorCode::kNotFound, "org/other");
  EXPECT_THAT(message, HasSubstr("org/other"));
  EXPECT_THAT(message, HasSubstr(cache.path().string()));
  EXPECT_THAT(message, HasSubstr("not downloaded"));
}

TEST_F(HubCache, UnknownRevision) {
  EXPECT_THAT(refused(ErrorCode::kNotFound, "org/tiny@v2"), HasSubstr("v2"));
}

TEST_F(HubCache, ADirectoryWithoutConfigIsNoModel) {
  EXPECT_THAT(refused(ErrorCode::kNotFound, cache.path().string()), HasSubstr("config.json"));
}

TEST_F(HubCache, AnAdapterAloneIsNoModel) {
  const std::string adapter =
      (std::filesystem::path(VLM_TEST_DATA) / "checkpoint/lora/attention").string();
  EXPECT_THAT(refused(ErrorCode::kNotFound, adapter), HasSubstr("write MODEL+" + adapter));
}

TEST_F(HubCache, NamesThatAreNoIdsAreNotLookedUp) {
  for (const char* name : {"../tiny", "org/../tiny", "a/b/c", "/no/such", "org/tiny@../x", "org/",
                           "org/tiny@", "bad name"}) {
    EXPECT_THAT(refused(ErrorCode::kNotFound, name), HasSubstr("no such model")) << name;
  }
  refused(ErrorCode::kInvalidArgument, "");
}

TEST_F(HubCache, AReferenceThatLeavesTheSnapshotsIsRefused) {
  cache.add("models--org--tiny/refs/main", "../../../elsewhere");
  refused(ErrorCode::kCorruptFile, "org/tiny");
}

// NOLINTBEGIN(concurrency-mt-unsafe): a test runs one thread
TEST(HubCacheDirectory, FollowsTheEnvironment) {
  ::setenv("HOME", "/users/me", 1);
  for (const char* name : {"HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"}) ::unsetenv(name);
  EXPECT_EQ(hub_cache_directory(), "/users/me/.cache/huggingface/hub");
  ::setenv("XDG_CACHE_HOME", "/cache", 1);
  EXPECT_EQ(hub_cache_directory(), "/cache/huggingface/hub");
  ::setenv("HF_HOME", "/hf", 1);
  EXPECT_EQ(hub_cache_directory(), "/hf/hub");
  ::setenv("HF_HUB_CACHE", "/hub", 1);
  EXPECT_EQ(hub_cache_directory(), "/hub");
}

TEST_F(HubCache, AdaptersAreTheDirectoriesAndIdsOfThemAlone) {
  const auto add = [&](const std::string& repository, const std::string& file) {
    cache.add("models--org--" + repository + "/refs/main", "abc123");
    cache.add("models--org--" + repository + "/snapshots/abc123/" + file, "{}");
  };
  add("lora", "adapter_config.json");
  add("both", "adapter_config.json");
  add("both", "config.json");
  ::setenv("HF_HUB_CACHE", cache.path().c_str(), 1);
  EXPECT_TRUE(names_adapter("org/lora"));
  EXPECT_TRUE(names_adapter("org/lora@main"));
  EXPECT_FALSE(names_adapter("org/lora@other"));
  for (const char* const other :
       {"org/both", "org/tiny", "org/none", "", "a+b", "no/such/adapter"}) {
    EXPECT_FALSE(names_adapter(other)) << other;
  }
  EXPECT_TRUE(names_adapter((cache.path() / "models--org--lora/snapshots/abc123").string()));
  EXPECT_FALSE(names_adapter(snapshot("abc123").string()));
  ::unsetenv("HF_HUB_CACHE");
}
// NOLINTEND(concurrency-mt-unsafe)

}  // namespace
}  // namespace vlm
