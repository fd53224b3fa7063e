#include "model/memory_plan.h"

#include <algorithm>
#include <string>

#include "core/error.h"
#include "language/decoder_config.h"
#include "model/decoder_storage.h"
#include "model/vision_storage.h"
#include "vision/vision_encoder.h"

namespace vlm {
namespace {

constexpr std::size_t kMegabyte = 1'000'000;
constexpr std::size_t kProgramBytes = 100 * kMegabyte;  // code, libraries, tokenizer
constexpr std::size_t kStepRows = 1024 + 64;            // prompts that start, tokens that go on
constexpr std::size_t kLogitRows = 64;
constexpr std::size_t kPictureShare = 4;  // a quarter of what is left, if the model sees pictures

// Of one row of a step: language/decoder_scratch.h and the stream itself; a product packs its
// input.
std::size_t row_floats(const DecoderConfig& config) {
  const std::size_t widest =
      std::max({config.hidden_size, config.query_width(), config.intermediate_size});
  return 4 * config.hidden_size + 2 * config.query_width() + 2 * config.kv_width() +
         2 * config.intermediate_size + config.head_dim + widest;
}

// Of pictures between file and features: their pixels wait for a thread that encodes them.
std::size_t looking_bytes(const VisionConfig& config, std::size_t num_threads) {
  const std::size_t pixels =
      config.num_channels * config.image_size_px * config.image_size_px * sizeof(float);
  return ImageFeatureCache::kViewsPerStep * pixels + num_threads * encoding_bytes(config);
}

std::string megabytes(std::size_t bytes) {
  return std::to_string((bytes + kMegabyte - 1) / kMegabyte) + " MB";
}

}  // namespace

MemoryPlan plan_memory(const Checkpoint& checkpoint, WeightFormat format, std::size_t num_threads) {
  const DecoderConfig config = parse_decoder_config(checkpoint.config().text());
  StorageBytes bytes = DecoderStorage::bytes(checkpoint, config, format);
  MemoryPlan plan;
  plan.working_bytes =
      kProgramBytes +
      (kStepRows * row_floats(config) + kLogitRows * config.vocab_size) * sizeof(float);
  plan.sees_images = checkpoint.config().is_vlm();
  if (plan.sees_images) {
    const StorageBytes vision = VisionStorage::bytes(checkpoint, vision_weight_format(format));
    bytes.values += vision.values;
    bytes.loading = std::max(bytes.loading, vision.loading);
    plan.working_bytes +=
        looking_bytes(VisionConfig::from_json(checkpoint.config().vision()), num_threads);
  }
  plan.weight_bytes = bytes.values;
  plan.loading_bytes = bytes.loading;
  return plan;
}

MemoryShares share_memory(const MemoryPlan& plan, std::size_t budget_bytes) {
  const std::size_t needed = plan.weight_bytes + std::max(plan.loading_bytes, plan.working_bytes);
  if (needed >= budget_bytes) {
    throw Error(ErrorCode::kInvalidArgument,
                "memory: the weights take " + megabytes(plan.weight_bytes) + ", loading them " +
                    megabytes(plan.loading_bytes) + " more, running them " +
                    megabytes(plan.working_bytes) + " more: allowed are " +
                    megabytes(budget_bytes));
  }
  const std::size_t left = budget_bytes - plan.weight_bytes - plan.working_bytes;
  MemoryShares shares;
  shares.picture_bytes =
      plan.sees_images ? std::min(left / kPictureShare, ImageFeatureCache::kHeldBytes) : 0;
  shares.cache_bytes = left - shares.picture_bytes;
  return shares;
}

}  // namespace vlm
