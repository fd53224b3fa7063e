#include "model/memory_plan.h"

#include <algorithm>
#include <string>

#include "core/error.h"
#include "language/decoder_config.h"

namespace vlm {
namespace {

constexpr std::size_t kMegabyte = 1'000'000;
constexpr std::size_t kProgramBytes = 100 * kMegabyte;  // code, libraries, tokenizer
constexpr std::size_t kStepRows = 1024 + 64;            // prompts that start, tokens that go on
constexpr std::size_t kLogitRows = 64;
constexpr std::size_t kMostLoading = std::size_t{1} << 30U;  // model/decoder_storage.h
constexpr std::size_t kPictureShare = 4;  // a quarter of what is left, if the model sees pictures

std::size_t bytes_of_weight(WeightFormat format) {
  switch (format) {
    case WeightFormat::kBfloat16:
      return 2;
    case WeightFormat::kInt8:
      return 1;
    case WeightFormat::kFloat32:
      break;
  }
  return sizeof(float);
}

bool is_text(const TensorInfo& tensor) {
  return tensor.name.starts_with("text/");
}

// Rows of int8 weights have a scale each.
std::size_t bytes_in_memory(const TensorInfo& tensor, WeightFormat format) {
  const std::size_t count = element_count(tensor.shape).value_or(0);
  if (!is_text(tensor) || tensor.shape.size() != 2) return count * sizeof(float);
  return count * bytes_of_weight(format) + tensor.shape.front() * sizeof(float);
}

// Of one row of a step: language/decoder_scratch.h and the stream itself; a product packs its
// input.
std::size_t row_floats(const DecoderConfig& config) {
  const std::size_t widest =
      std::max({config.hidden_size, config.query_width(), config.intermediate_size});
  return 4 * config.hidden_size + 2 * config.query_width() + 2 * config.kv_width() +
         2 * config.intermediate_size + config.head_dim + widest;
}

std::string megabytes(std::size_t bytes) {
  return std::to_string((bytes + kMegabyte - 1) / kMegabyte) + " MB";
}

}  // namespace

MemoryPlan plan_memory(const Checkpoint& checkpoint, WeightFormat format) {
  const DecoderConfig config = parse_decoder_config(checkpoint.config().text());
  MemoryPlan plan;
  std::size_t largest = 0;
  std::size_t all = 0;
  for (const TensorInfo& tensor : checkpoint.tensors()) {
    plan.weight_bytes += bytes_in_memory(tensor, format);
    plan.sees_images = plan.sees_images || !is_text(tensor);
    const std::size_t bytes = element_count(tensor.shape).value_or(0) * sizeof(float);
    largest = std::max(largest, bytes);
    all += bytes;
  }
  if (format != WeightFormat::kFloat32) {
    plan.loading_bytes = std::max(largest, std::min(all, kMostLoading));
  }
  plan.working_bytes =
      kProgramBytes +
      (kStepRows * row_floats(config) + kLogitRows * config.vocab_size) * sizeof(float);
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
