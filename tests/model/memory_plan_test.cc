#include "model/memory_plan.h"

#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "checkpoint/file_checkpoint.h"
#include "core/error.h"
#include "model/projector_storage.h"
#include "model/vision_storage.h"
#include "tests/error_message.h"
#include "vision/vision_encoder.h"

namespace vlm {
namespace {

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

TEST(PlanMemory, SeveralModelsShareTheirEyesAndTheProgram) {
  const FileCheckpoint checkpoint(kModels / "en-vlm");
  const std::size_t tower = VisionStorage::bytes(checkpoint, WeightFormat::kBfloat16).values +
                            ProjectorStorage::bytes(checkpoint, WeightFormat::kBfloat16).values;
  const MemoryPlan one = plan_memory(checkpoint, WeightFormat::kBfloat16, 3, {1, 1, 1});
  const MemoryPlan three = plan_memory(checkpoint, WeightFormat::kBfloat16, 3, {3, 1, 1});
  EXPECT_EQ(three.weight_bytes, 3 * one.weight_bytes - 2 * tower);
  EXPECT_EQ(three.program_bytes, one.program_bytes);
  EXPECT_GT(three.working_bytes, one.working_bytes);
  EXPECT_LT(three.working_bytes, 3 * one.working_bytes);
}

TEST(PlanMemory, ModelsWithEyesOfTheirOwnTakeAllOfThem) {
  const FileCheckpoint checkpoint(kModels / "en-vlm");
  const MemoryPlan one = plan_memory(checkpoint, WeightFormat::kFloat32, 3, {1, 1, 1});
  const MemoryPlan three = plan_memory(checkpoint, WeightFormat::kFloat32, 3, {3, 3, 3});
  EXPECT_EQ(three.weight_bytes, 3 * one.weight_bytes);
  EXPECT_EQ(three.working_bytes, 3 * one.working_bytes);
  // Each keeps pictures, and holds half as many besides.
  constexpr std::size_t kBudget = std::size_t{2} << 30U;
  const MemoryShares shares = share_memory(three, kBudget);
  const std::size_t all = three.weight_bytes + three.program_bytes + three.working_bytes +
                          3 * (shares.picture_bytes + shares.picture_bytes / 2) +
                          3 * shares.cache_bytes;
  EXPECT_LE(all, kBudget);
  EXPECT_GT(all + 3, kBudget);
}

TEST(PlanMemory, ProjectorsBehindOneTowerLookAtPicturesAtTheSameTime) {
  const FileCheckpoint checkpoint(kModels / "en-vlm");
  const MemoryPlan towers = plan_memory(checkpoint, WeightFormat::kFloat32, 3, {3, 3, 3});
  const MemoryPlan projectors = plan_memory(checkpoint, WeightFormat::kFloat32, 3, {3, 1, 3});
  EXPECT_EQ(towers.weight_bytes - projectors.weight_bytes,
            2 * VisionStorage::bytes(checkpoint, WeightFormat::kFloat32).values);
  EXPECT_EQ(towers.working_bytes, projectors.working_bytes);
}

MemoryPlan plan_of(std::size_t num_models) {
  return plan_memory(FileCheckpoint(kModels / "en-vlm"), WeightFormat::kFloat32, 2,
                     {num_models, 1, 1});
}

TEST(ShareMemory, GivesAllThatIsLeft) {
  constexpr std::size_t kBudget = std::size_t{2} << 30U;
  for (const std::size_t num_models : {1U, 2U}) {
    const MemoryPlan plan = plan_of(num_models);
    ASSERT_TRUE(plan.sees_images);
    const MemoryShares shares = share_memory(plan, kBudget);
    EXPECT_GT(shares.picture_bytes, 0U);
    // Each model holds half as many features as are kept besides, while it uses them.
    const std::size_t features = shares.picture_bytes + num_models * (shares.picture_bytes / 2);
    const std::size_t all = plan.weight_bytes + plan.program_bytes + plan.working_bytes + features +
                            num_models * shares.cache_bytes;
    EXPECT_LE(all, kBudget);
    EXPECT_GT(all + num_models, kBudget);
  }
}

TEST(ShareMemory, PicturesGiveWayToTheLeastOfKeysAndValues) {
  const MemoryPlan plan = plan_of(2);
  constexpr std::size_t kLeast = 50'000'000;
  const std::size_t budget = least_budget_bytes(plan, kLeast);
  const MemoryShares shares = share_memory(plan, budget, kLeast);
  EXPECT_EQ(shares.picture_bytes, 0U);
  EXPECT_EQ(shares.cache_bytes, kLeast);
  EXPECT_LT(share_memory(plan, budget).cache_bytes, kLeast);
  EXPECT_THROW(share_memory(plan, budget - 1, kLeast), Error);
}

TEST(ShareMemory, ABudgetTheWeightsDoNotFitIsRefusedWithTheNumbers) {
  const MemoryPlan plan{.num_models = {1, 1, 1},
                        .weight_bytes = 14'000'000'000,
                        .program_bytes = 100'000'000,
                        .loading_bytes = 1'000'000'000,
                        .working_bytes = 300'000'000,
                        .sees_images = false};
  EXPECT_EQ(error_message([&] { share_memory(plan, 15'000'000'000); }),
            "memory: weights take 14000 MB, the program 100 MB, loading 1000 MB or running 300 MB "
            "more, together 15100 MB: allowed are 15000 MB");
}

}  // namespace
}  // namespace vlm
