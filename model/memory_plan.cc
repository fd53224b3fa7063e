#include "model/memory_plan.h"

#include <algorithm>

#include "core/byte_text.h"
#include "core/error.h"
#include "language/decoder_config.h"
#include "language/decoder_scratch.h"
#include "model/decoder_storage.h"
#include "model/projector_storage.h"
#include "model/vision_storage.h"
#include "vision/vision_encoder.h"

namespace vlm {
namespace {

constexpr std::size_t kProgramBytes = 100'000'000;
constexpr std::size_t kStepRows = 1024 + 64;  // prompts that start, tokens that go on
constexpr std::size_t kLogitRows = 64;
constexpr std::size_t kPictureShare = 4;  // a quarter of what is left, if the model sees pictures

std::size_t step_bytes(const DecoderConfig& config) {
  return kStepRows * row_bytes(config) + kLogitRows * config.vocab_size * sizeof(float);
}

// Of pictures between file and features: their pixels wait for a thread that encodes them.
std::size_t looking_bytes(const VisionConfig& config, std::size_t num_threads) {
  const std::size_t pixels =
      config.num_channels * config.image_size_px * config.image_size_px * sizeof(float);
  return ImageFeatureCache::kViewsPerStep * pixels + num_threads * encoding_bytes(config);
}

// Of features when `kept_bytes` of them are kept: each model may hold half as much of others while
// it is asked about them (ImageFeatureCache::pictures_at_a_time).
std::size_t features_bytes(std::size_t kept_bytes, ModelCounts num_models) {
  return num_models.projectors * kept_bytes + num_models.language_models * (kept_bytes / 2);
}

}  // namespace

MemoryPlan plan_memory(const Checkpoint& checkpoint, WeightFormat format, std::size_t num_threads,
                       ModelCounts num_models) {
  const DecoderConfig config = parse_decoder_config(checkpoint.config().text());
  const StorageBytes language = DecoderStorage::bytes(checkpoint, config, format);
  MemoryPlan plan;
  plan.num_models = num_models;
  plan.program_bytes = kProgramBytes;
  plan.weight_bytes = num_models.language_models * language.values;
  plan.loading_bytes = num_models.language_models * language.loading;
  plan.working_bytes = num_models.language_models * step_bytes(config);
  plan.sees_images = checkpoint.config().is_vlm();
  if (plan.sees_images) {
    const WeightFormat vision_format = vision_weight_format(format);
    const StorageBytes vision = VisionStorage::bytes(checkpoint, vision_format);
    const StorageBytes projector = ProjectorStorage::bytes(checkpoint, vision_format);
    const std::size_t towers = num_models.vision_towers;
    plan.weight_bytes += towers * vision.values + num_models.projectors * projector.values;
    plan.loading_bytes = std::max(
        {plan.loading_bytes, towers * vision.loading, num_models.projectors * projector.loading});
    plan.working_bytes +=
        num_models.projectors *
        looking_bytes(VisionConfig::from_json(checkpoint.config().vision()), num_threads);
  }
  return plan;
}

std::size_t least_budget_bytes(const MemoryPlan& plan, std::size_t least_cache_bytes) noexcept {
  const std::size_t running =
      plan.working_bytes + plan.num_models.language_models * least_cache_bytes;
  return plan.weight_bytes + plan.program_bytes + std::max(plan.loading_bytes, running);
}

MemoryShares share_memory(const MemoryPlan& plan, std::size_t budget_bytes,
                          std::size_t least_cache_bytes) {
  const std::size_t models = plan.num_models.language_models;
  const std::size_t cache_bytes = models * least_cache_bytes;
  if (least_budget_bytes(plan, least_cache_bytes) > budget_bytes) {
    throw Error(ErrorCode::kInvalidArgument,
                "memory: weights take " + byte_text(plan.weight_bytes) + ", the program " +
                    byte_text(plan.program_bytes) + ", loading " + byte_text(plan.loading_bytes) +
                    " or running " + byte_text(plan.working_bytes + cache_bytes) +
                    " more, together " + byte_text(least_budget_bytes(plan, least_cache_bytes)) +
                    ": allowed are " + byte_text(budget_bytes, ByteRounding::kDown));
  }
  const std::size_t left =
      budget_bytes - plan.weight_bytes - plan.program_bytes - plan.working_bytes;
  MemoryShares shares;
  const std::size_t for_pictures =
      plan.sees_images ? std::min(left / kPictureShare, left - cache_bytes) : 0;
  shares.picture_bytes = std::min(2 * for_pictures / (2 * plan.num_models.projectors + models),
                                  ImageFeatureCache::kHeldBytes);
  shares.cache_bytes = (left - features_bytes(shares.picture_bytes, plan.num_models)) / models;
  return shares;
}

MemoryShares memory_shares(const std::optional<std::size_t>& budget_bytes,
                           const Checkpoint& checkpoint, WeightFormat format,
                           std::size_t num_threads) {
  if (!budget_bytes) return {};
  return share_memory(plan_memory(checkpoint, format, num_threads), *budget_bytes);
}

}  // namespace vlm
