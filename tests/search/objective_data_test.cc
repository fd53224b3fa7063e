#include "search/objective_data.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace vlm {
namespace {

using testing::HasSubstr;

const std::filesystem::path kProject = VLM_PROJECT_DIR;
const Objective kMath{"ja-math/search", "acc_ja", 1.0, 40};

ObjectiveData load(const Objective& objective, double holdout, std::uint64_t seed) {
  return load_objectives({objective}, holdout, seed, kProject).at(0);
}

std::vector<std::string> ids_of(const Benchmark& benchmark) {
  std::vector<std::string> ids;
  for (const BenchmarkItem& item : benchmark.items) ids.push_back(item.id);
  return ids;
}

TEST(ObjectiveData, WithoutHoldoutEveryItemIsFitted) {
  const ObjectiveData data = load(kMath, 0.0, 1);
  EXPECT_EQ(data.fitted.items.size(), 40U);
  EXPECT_EQ(data.fitted.items.front().id, "s0000");
  EXPECT_TRUE(data.held_out.items.empty());
  EXPECT_EQ(data.task.metrics.size(), 1U);
  EXPECT_EQ(data.task.metrics[0].name, "acc_ja");
  EXPECT_EQ(load({"ja-math/search", "acc_ja", 1.0, 0}, 0.0, 1).fitted.items.size(), 300U);
}

TEST(ObjectiveData, HoldoutSplitsTheItemsInTwo) {
  const ObjectiveData data = load(kMath, 0.3, 1);
  std::vector<std::string> both = ids_of(data.fitted);
  const std::vector<std::string> held_out = ids_of(data.held_out);
  both.insert(both.end(), held_out.begin(), held_out.end());
  std::sort(both.begin(), both.end());
  EXPECT_EQ(both, ids_of(load(kMath, 0.0, 1).fitted));
  EXPECT_GT(held_out.size(), 40U * 0.15);
  EXPECT_LT(held_out.size(), 40U * 0.45);
  EXPECT_NE(data.fitted.data_hash, data.held_out.data_hash);
}

TEST(ObjectiveData, SplitDependsOnSeedAndIdsAlone) {
  const ObjectiveData data = load(kMath, 0.3, 1);
  EXPECT_EQ(ids_of(load(kMath, 0.3, 1).held_out), ids_of(data.held_out));
  EXPECT_NE(ids_of(load(kMath, 0.3, 2).held_out), ids_of(data.held_out));

  Objective fewer = kMath;
  fewer.limit = 20;
  std::vector<std::string> expected;
  for (const std::string& id : ids_of(data.held_out)) {
    if (id < "s0020") expected.push_back(id);
  }
  EXPECT_EQ(ids_of(load(fewer, 0.3, 1).held_out), expected);
}

TEST(ObjectiveData, LargerHoldoutKeepsWhatASmallerOneKept) {
  const std::vector<std::string> small = ids_of(load(kMath, 0.2, 1).held_out);
  const std::vector<std::string> large = ids_of(load(kMath, 0.5, 1).held_out);
  EXPECT_TRUE(std::includes(large.begin(), large.end(), small.begin(), small.end()));
}

TEST(ObjectiveData, SideWithoutItemsIsRefused) {
  Objective one = kMath;
  one.limit = 1;
  try {
    load(one, 0.5, 1);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("holdout leaves no items on one side: ja-math/search"));
  }
}

}  // namespace
}  // namespace vlm
