#include "merge/kernels/elementwise.h"
#include "merge/methods/methods.h"
#include "merge/methods/parameters.h"

namespace vlm {
namespace {

BlockMerge start_nearswap(const TensorMerge& task, ThreadPool& /*pool*/) {
  const auto t = static_cast<float>(task.parameters.at("t"));
  const auto merge = [t](const InputBlock& inputs, std::span<float> out) {
    near_swap(inputs.models.front(), inputs.base, t, out);
  };
  return {.unit = 1, .buffers = 0, .merge = merge};
}

}  // namespace

MergeMethod nearswap_method() {
  return {.name = "nearswap",
          .paper = "alchemonaut 2024, \"NearSwap\" (in mergekit)",
          .formula =
              "w x + (1 - w) base, w = t / abs(x - base), at most 1: small differences are taken "
              "over, large ones are not",
          .base = BaseRole::kRequired,
          .min_models = 1,
          .max_models = 1,
          .parameters = {any_number("t", ParameterScope::kGlobal, std::nullopt,
                                    "differences up to t are taken over whole"),
                         int8_mask_parameter()},
          .start = start_nearswap,
          .complaint = nullptr};
}

}  // namespace vlm
