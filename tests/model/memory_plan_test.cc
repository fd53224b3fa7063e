#include "model/memory_plan.h"

#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/file_checkpoint.h"
#include "core/error.h"
#include "vision/vision_encoder.h"

namespace vlm {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const std::filesystem::path kModels = std::filesystem::path(VLM_PROJECT_DIR) / "zoo/models";

TEST(PlanMemory, CountsWeightsInTheirFormat) {
  const FileCheckpoint checkpoint(kModels / "base-lm");
  std::size_t weights = 0;
  for (const TensorInfo& tensor : checkpoint.tensors()) weights += *element_count(tensor.shape);
  const MemoryPlan exact = plan_memory(checkpoint, WeightFormat::kFloat32, 2);
  EXPECT_NEAR(static_cast<double>(exact.weight_bytes), 4.0 * static_cast<double>(weights),
              0.02 * 4.0 * static_cast<double>(weights));
  EXPECT_FALSE(exact.sees_images);
  const MemoryPlan half = plan_memory(checkpoint, WeightFormat::kBfloat16, 2);
  const MemoryPlan quarter = plan_memory(checkpoint, WeightFormat::kInt8, 2);
  EXPECT_NEAR(static_cast<double>(half.weight_bytes), 0.5 * static_cast<double>(exact.weight_bytes),
              0.02 * static_cast<double>(exact.weight_bytes));
  EXPECT_NEAR(static_cast<double>(quarter.weight_bytes),
              0.25 * static_cast<double>(exact.weight_bytes),
              0.02 * static_cast<double>(exact.weight_bytes));
}

TEST(PlanMemory, CountsAVisionTowerInItsFormat) {
  const FileCheckpoint checkpoint(kModels / "en-vlm");
  std::size_t in_bfloat16 = 0;  // weights of linear layers but those of the last block
  for (const TensorInfo& tensor : checkpoint.tensors()) {
    const bool used = !tensor.name.starts_with("vision/encoder.layers.5.");
    const bool linear = tensor.shape.size() == 2 && !tensor.name.ends_with("embedding.weight");
    if (used && linear) in_bfloat16 += *element_count(tensor.shape);
  }
  const MemoryPlan exact = plan_memory(checkpoint, WeightFormat::kFloat32, 2);
  const MemoryPlan half = plan_memory(checkpoint, WeightFormat::kBfloat16, 2);
  EXPECT_NEAR(static_cast<double>(exact.weight_bytes - half.weight_bytes),
              2.0 * static_cast<double>(in_bfloat16), 0.02 * static_cast<double>(in_bfloat16));
  EXPECT_GT(half.loading_bytes, 0U);
}

TEST(PlanMemory, EveryThreadEncodesAPictureOfItsOwn) {
  const FileCheckpoint checkpoint(kModels / "en-vlm");
  const auto working_bytes = [&](std::size_t num_threads) {
    return plan_memory(checkpoint, WeightFormat::kFloat32, num_threads).working_bytes;
  };
  EXPECT_EQ(working_bytes(3) - working_bytes(2),
            encoding_bytes(VisionConfig::from_json(checkpoint.config().vision())));
}

TEST(ShareMemory, GivesAllThatIsLeft) {
  const MemoryPlan plan =
      plan_memory(FileCheckpoint(kModels / "en-vlm"), WeightFormat::kFloat32, 2);
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
