#include "model/memory_plan.h"

#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/file_checkpoint.h"
#include "core/error.h"

namespace vlm {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const std::filesystem::path kModels = std::filesystem::path(VLM_PROJECT_DIR) / "zoo/models";

TEST(PlanMemory, CountsWeightsInTheirFormat) {
  const FileCheckpoint checkpoint(kModels / "base-lm");
  std::size_t weights = 0;
  for (const TensorInfo& tensor : checkpoint.tensors()) weights += *element_count(tensor.shape);
  const MemoryPlan exact = plan_memory(checkpoint, WeightFormat::kFloat32);
  EXPECT_NEAR(static_cast<double>(exact.weight_bytes), 4.0 * static_cast<double>(weights),
              0.02 * 4.0 * static_cast<double>(weights));
  EXPECT_FALSE(exact.sees_images);
  const MemoryPlan half = plan_memory(checkpoint, WeightFormat::kBfloat16);
  const MemoryPlan quarter = plan_memory(checkpoint, WeightFormat::kInt8);
  EXPECT_NEAR(static_cast<double>(half.weight_bytes), 0.5 * static_cast<double>(exact.weight_bytes),
              0.02 * static_cast<double>(exact.weight_bytes));
  EXPECT_NEAR(static_cast<double>(quarter.weight_bytes),
              0.25 * static_cast<double>(exact.weight_bytes),
              0.02 * static_cast<double>(exact.weight_bytes));
}

TEST(ShareMemory, GivesAllThatIsLeft) {
  const MemoryPlan plan = plan_memory(FileCheckpoint(kModels / "en-vlm"), WeightFormat::kFloat32);
  ASSERT_TRUE(plan.sees_images);
  const std::size_t budget = std::size_t{2} << 30U;
  const MemoryShares shares = share_memory(plan, budget);
  EXPECT_GT(shares.picture_bytes, 0U);
  EXPECT_EQ(plan.weight_bytes + plan.working_bytes + shares.picture_bytes + shares.cache_bytes,
            budget);
}

TEST(ShareMemory, ABudgetTheWeightsDoNotFitIsRefusedWithTheNumbers) {
  const MemoryPlan plan{.weight_bytes = 14'000'000'000,
                        .loading_bytes = 1'000'000'000,
                        .working_bytes = 300'000'000,
                        .sees_images = false};
  try {
    share_memory(plan, 15'000'000'000);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("14000 MB"), HasSubstr("1000 MB"), HasSubstr("15000 MB")));
  }
}

}  // namespace
}  // namespace vlm
